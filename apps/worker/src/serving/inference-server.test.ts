import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { issueTicket, revokeKey, type TicketSubject } from '@vanda/records';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonOf, secret, startFixture } from './serving-fixture.ts';

let at: Awaited<ReturnType<typeof startFixture>>;
beforeAll(async () => {
  at = await startFixture();
  const { seq } = await at.create(2);
  await at.waitFor(seq);
});
afterAll(() => at[Symbol.asyncDispose]());

const error = async (response: Response): Promise<[number, string]> => [
  response.status,
  (await jsonOf<{ error: string }>(response)).error,
];
const row = { instances: [{ x: 1 }, { x: 2.5 }] };

test('answers predictions in rows and in columns', async () => {
  const response = await at.post('/v1/models/line:predict', row);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.json()).toEqual({ predictions: [201, 202.5] });
  const columns = await at.post('/V1/Models/line:Predict', { inputs: { x: [1, 2] } });
  expect(await columns.json()).toEqual({ outputs: [201, 202] });
  const version = await at.post('/v1/models/line/versions/2:predict', row);
  expect(version.status).toBe(200);
  const regress = await at.post('/v1/models/line:regress', { examples: [{ x: 1 }] });
  expect(await regress.json()).toEqual({ results: [201] });
});

test('takes any content type, none, gzip, and numbers that JSON does not have', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await at.post('/v1/models/line:predict', JSON.stringify(row), form)).status).toBe(200);
  const bytes = Buffer.from(JSON.stringify(row));
  expect((await at.post('/v1/models/line:predict', bytes)).status).toBe(200);
  const gzip = { 'content-encoding': 'gzip' };
  expect((await at.post('/v1/models/line:predict', gzipSync(bytes), gzip)).status).toBe(200);
  const odd = await at.post('/v1/models/line:predict', '{"instances":[{"x":NaN},{"x":-Infinity}]}');
  expect(await odd.text()).toBe('{"predictions":[NaN,-Infinity]}');
});

test('says status and metadata', async () => {
  expect(await (await at.get('/v1/models/line')).json()).toEqual({
    model_version_status: [
      { version: '2', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
    ],
  });
  const metadata = await jsonOf<{
    model_spec: object;
    metadata: {
      signature_def: {
        signature_def: { serving_default: { method_name: string; inputs: { x: object } } };
      };
    };
  }>(await at.get('/v1/models/line/metadata'));
  expect(metadata.model_spec).toEqual({ name: 'line', signature_name: '', version: '2' });
  const { serving_default } = metadata.metadata.signature_def.signature_def;
  expect(serving_default.inputs.x).toMatchObject({ dtype: 'DT_FLOAT' });
  expect(serving_default.method_name).toBe('tensorflow/serving/predict');
});

test.each([
  ['/v1/models/nobody:predict', row, 404, 'Servable not found for request: Latest(nobody)'],
  [
    '/v1/models/line/versions/1:predict',
    row,
    404,
    'Servable not found for request: Specific(line, 1)',
  ],
  ['/v1/models/line/labels/x:predict', row, 404, 'Servable not found for request: Label(line, x)'],
  ['/v1/models/line', row, 400, 'Malformed request: POST /v1/models/line'],
  ['/v1/models/line:predict', '', 400, /^JSON Parse error/],
  ['/v1/models/line:predict', '[1]', 400, /must be a JSON object/],
  ['/v1/models/line:predict', {}, 400, /exactly one of "instances" and "inputs", and has neither/],
  ['/v1/models/line:predict', { ...row, inputs: {} }, 400, /has both/],
  ['/v1/models/line:predict', { instances: [] }, 400, /at least one instance/],
  ['/v1/models/line:predict', { instances: 1 }, 400, /must be a list/],
  ['/v1/models/line:predict', { inputs: { x: [1], y: [1, 2] } }, 400, /lists of one length: "y"/],
  [
    '/v1/models/line:predict',
    { instances: [{ x: 'a' }] },
    400,
    'Instance 0: "x" must be a number.',
  ],
  ['/v1/models/line:predict', { ...row, signature_name: 'other' }, 400, /"other" not found/],
  ['/v1/models/line:classify', { examples: [{ x: 1 }] }, 400, /is asked with :predict or :regress/],
])('%s %j is %i', async (path, body, status, sentence) => {
  const [gotStatus, got] = await error(await at.post(path, body));
  expect(gotStatus).toBe(status);
  if (typeof sentence === 'string') expect(got).toBe(sentence);
  else expect(got).toMatch(sentence);
});

test('wants a key of the project everywhere but at its door', async () => {
  expect(await (await at.get('/', null)).json()).toEqual({ status: 'alive' });
  for (const path of ['/v1/models/line', '/monitoring/prometheus/metrics', '/nothing']) {
    expect((await at.get(path, null)).status).toBe(401);
    expect((await at.get(path, 'vnd_madeup')).status).toBe(401);
  }
  const [status, sentence] = await error(await at.get('/v1/models/line', at.stranger.key));
  expect([status, sentence]).toEqual([404, 'Servable not found for request: Latest(line)']);
});

test('takes a ticket for its endpoint alone', async () => {
  const ticket = (subject: TicketSubject) =>
    issueTicket(secret, { projectId: at.project.id, subject });
  expect((await at.get('/v1/models/line', ticket('endpoint/line'))).status).toBe(200);
  expect((await at.get('/v1/models/line', ticket('endpoint/other'))).status).toBe(404);
  expect((await at.get('/v1/models/line', ticket('job/line'))).status).toBe(404);
});

test('answers for a job whose model is deployed nowhere', async () => {
  const where = { id: at.target(3).id };
  const { jobId: found } = await at.db.modelVersion.findUniqueOrThrow({ where });
  const jobId = String(found);
  const path = `/v1/jobs/${jobId}:predict`;
  expect(await (await at.post(path, row)).json()).toEqual({ predictions: [301, 302.5] });
  const as = async (token: string) => {
    const response = await at.post(path, row, { authorization: `Bearer ${token}` });
    return [response.status, (await jsonOf<{ error?: string }>(response)).error];
  };
  const ticket = (subject: TicketSubject) =>
    issueTicket(secret, { projectId: at.project.id, subject });
  const notThere = [404, `There is no job ${jobId}.`];
  expect(await as(ticket(`job/${jobId}`))).toEqual([200, undefined]);
  expect(await as(ticket('job/job_other'))).toEqual(notThere);
  expect(await as(ticket('endpoint/line'))).toEqual(notThere);
  expect(await as(at.stranger.key)).toEqual(notThere);
  expect(await error(await at.post(path, { instances: [{ x: 'a' }] }))).toEqual([
    400,
    'Instance 0: "x" must be a number.',
  ]);
  await at.db.job.update({ where: { id: jobId }, data: { state: 'failed' } });
  expect(await error(await at.post(path, row))).toEqual([
    409,
    `The job ${jobId} is failed and made no model: there is nothing to try.`,
  ]);
  await at.db.job.update({ where: { id: jobId }, data: { state: 'succeeded' } });
});

test('a revoked key stops working within seconds', async () => {
  const { stranger } = at;
  expect((await at.get('/monitoring/prometheus/metrics', stranger.key)).status).toBe(200);
  await revokeKey(at.db, stranger.id, stranger.keyId);
  await expect
    .poll(async () => (await at.get('/v1/models', stranger.key)).status, { timeout: 4_000 })
    .toBe(401);
});

test('refuses a body of 100 MB with a sentence, keeping none of it', async () => {
  const chunk = Buffer.alloc(1024 ** 2, 'x');
  const before = process.memoryUsage().rss;
  for (const chunked of [true, false]) {
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(`${at.server.url}/v1/models/line:predict`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${at.project.key}`,
          ...(chunked ? {} : { 'content-length': 100 * chunk.length }),
        },
      });
      request.on('response', async (response) => {
        let text = '';
        for await (const part of response) text += part;
        resolve(`${response.statusCode} ${text}`);
      });
      request.on('error', reject);
      let sent = 0;
      const send = () => {
        while (sent < 100) {
          sent++;
          if (!request.write(chunk)) return void request.once('drain', send);
        }
        request.end();
      };
      send();
    });
    expect(answer).toMatch(/^413 \{"error":"The body is too large: at most 32 MB are taken/);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 ** 2);
});

test.each([
  [10, 200],
  [100, 413],
])('a client that asks before it sends %i MB is answered', async (megabytes, status) => {
  const body = `{"instances":[{"x":1,"note":"${'x'.repeat(megabytes * 1024 ** 2)}"}]}`;
  let sent = false;
  const answered = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`${at.server.url}/v1/models/line:predict`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${at.project.key}`,
        expect: '100-continue',
        'content-length': body.length,
      },
    });
    request.on('continue', () => {
      sent = true;
      request.end(body);
    });
    request.on('response', (response) => {
      resolve(response.statusCode);
      response.resume();
      if (!sent) request.destroy();
    });
    request.on('error', reject);
    request.flushHeaders();
  });
  expect([answered, sent]).toEqual([status, status === 200]);
});

test('fetch, which sends a body as a whole, still sees the refusal', async () => {
  const response = await at.post('/v1/models/line:predict', Buffer.alloc(100 * 1024 ** 2, 'x'));
  expect((await error(response))[1]).toMatch(/too large/);
});

test('a body of nothing but brackets is refused', async () => {
  const deep = `{"instances":[${'['.repeat(1e6)}NaN${']'.repeat(1e6)}]}`;
  expect((await at.post('/v1/models/line:predict', deep)).status).toBe(400);
});

test('refuses a small body that inflates to a large one', async () => {
  const bomb = gzipSync(Buffer.alloc(100 * 1024 ** 2));
  const gzip = { 'content-encoding': 'gzip' };
  expect((await at.post('/v1/models/line:predict', bomb, gzip)).status).toBe(413);
  const broken = await at.post('/v1/models/line:predict', 'not gzip', gzip);
  expect(broken.status).toBe(400);
});

test('counts by the names of TensorFlow Serving, and in Postgres', async () => {
  const text = await (await at.get('/monitoring/prometheus/metrics')).text();
  expect(text).toMatch(/:tensorflow:serving:request_count\{model_name="line",status="OK"\} \d+/);
  expect(text).toContain(':tensorflow:serving:request_latency_bucket');
  expect(text).not.toContain('nobody');
  await expect
    .poll(async () => (await at.reported())?.traffic, { timeout: 7_000 })
    .toMatchObject({ requests: expect.any(Number), p50Ms: expect.any(Number) });
});
