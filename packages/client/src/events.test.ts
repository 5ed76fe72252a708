import { expect, test } from 'vitest';
import { createClient } from './create-client.ts';
import { json, startServer } from './test-server.ts';
import { waitForIngest, waitForJob } from './wait.ts';

test('reads events, whatever way they are cut, and goes on after the last one', async () => {
  await using server = await startServer(({ headers }, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (headers['last-event-id'] === undefined) {
      response.write(': hello\n\nid: 1\nevent: metr');
      setTimeout(
        () => response.end('ics\ndata: {"a":\ndata: 1}\n\nid: 2\nevent: job\ndata: x'),
        20,
      );
    } else {
      response.write('id: 2\r\nevent: job\r\ndata: "é"\r\n\r\n');
    }
  });
  const client = createClient({ baseUrl: server.url, apiKey: 'vnd_1' });
  const seen: unknown[] = [];
  for await (const event of client.jobs.events({ params: { id: 'job_1' } })) {
    seen.push(event);
    if (event.event === 'job') break;
  }
  expect(seen).toEqual([
    { event: 'metrics', data: { a: 1 }, id: '1' },
    { event: 'job', data: 'é', id: '2' },
  ]);
  expect(server.received[1]?.headers).toMatchObject({
    'last-event-id': '1',
    authorization: 'Bearer vnd_1',
  });
});

test('a refused stream is an error, not a loop', async () => {
  await using server = await startServer((_, response) => json(response, 404, {}));
  const client = createClient({ baseUrl: server.url });
  await expect(client.events.stream().next()).rejects.toMatchObject({ code: 'not-found' });
});

test('waits for a job through its events', async () => {
  const states = ['queued', 'running', 'succeeded'];
  let at = 0;
  await using server = await startServer(({ url }, response) => {
    if (!url.endsWith('/events')) return json(response, 200, { state: states[at] });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => {
      at++;
      response.write(`id: ${at}\nevent: job\ndata: {"state":"${states[at]}"}\n\n`);
      if (at === 2) clearInterval(timer);
    }, 30);
  });
  const seen: string[] = [];
  const job = await waitForJob(createClient({ baseUrl: server.url }), 'job_1', {
    onJob: ({ state }) => seen.push(state),
  });
  expect(job.state).toBe('succeeded');
  expect(seen).toContain('running');
});

test('waits for a job without events, and for an ingest', async () => {
  await using server = await startServer(({ url }, response) => {
    if (url.endsWith('/events')) return json(response, 503, {});
    json(response, 200, { state: server.received.length > 4 ? 'failed' : 'running' });
  });
  const client = createClient({ baseUrl: server.url });
  expect((await waitForJob(client, 'job_1')).state).toBe('failed');
  expect((await waitForIngest(client, 'ing_1')).state).toBe('failed');
});
