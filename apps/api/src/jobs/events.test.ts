import { setTimeout as sleep } from 'node:timers/promises';
import { changeEvent, type JobView, jobEventData } from '@vanda/contracts';
import { readHistory, storeLogBatch, storeMetricBatch } from '@vanda/records';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import { lossAt, makeAttempt, makeDatasetVersion, tableSpec } from '../rows.fixture.ts';
import { readEvents, type SentEvent } from '../sse.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
  await makeDatasetVersion(api, 'flowers');
});
afterAll(() => api.close());

const submit = async (name: string) =>
  (await api.call<JobView>('POST', '/jobs', { spec: tableSpec('flowers', name) })).body;
const stepsOf = (events: SentEvent[]) =>
  events
    .filter((one) => one.event === 'metrics')
    .flatMap((one) => jobEventData.metrics.parse(one.data).points.map(([step]) => step));

it('sends a job as it changes, its points and its lines, and goes on after a cut', async () => {
  const { db } = api.deps;
  const job = await submit('live');
  const attemptId = await makeAttempt(db, job.id, 1);
  const store = (seq: number, from: number, to: number) =>
    storeMetricBatch(db, { jobId: job.id, attemptId, seq, points: lossAt(from, to) });
  await store(0, 1, 10);
  await store(1, 11, 20);
  const line = { at: '2026-01-01T00:00:00Z', level: 'info' as const, text: 'hello' };
  await storeLogBatch(db, { jobId: job.id, attemptId, seq: 0, lines: [line] });
  const first = await readEvents(api, `/jobs/${job.id}/events`, (events) =>
    events.some((one) => one.event === 'job'),
  );
  expect(stepsOf(first)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(first.map((one) => one.event)).toEqual(['metrics', 'logs', 'job']);
  jobEventData.job.parse(first.at(-1)?.data);
  expect(jobEventData.logs.parse(first[1]?.data).lines).toMatchObject([
    { attempt: 1, text: 'hello' },
  ]);

  await store(2, 21, 30);
  const headers = { 'last-event-id': first.at(-1)?.id ?? '' };
  setTimeout(() => void store(3, 31, 40), 300);
  setTimeout(() => void api.call('POST', `/jobs/${job.id}/cancel`), 600);
  const rest = await readEvents(
    api,
    `/jobs/${job.id}/events`,
    (events) => events.some((one) => one.event === 'job' && one.data.state === 'cancelling'),
    headers,
  );
  expect(stepsOf(rest)).toEqual(Array.from({ length: 20 }, (_, index) => index + 21));
  const counts = [...first, ...rest].map((one) => Number(one.id.split('-')[0]));
  expect(counts).toEqual(Array.from({ length: counts.length }, (_, index) => index + 1));
});

it('sends a dead attempt’s late points too', async () => {
  const { db } = api.deps;
  const job = await submit('late');
  const first = await makeAttempt(db, job.id, 1);
  await storeMetricBatch(db, { jobId: job.id, attemptId: first, seq: 0, points: lossAt(1, 5) });
  const second = await makeAttempt(db, job.id, 2);
  await storeMetricBatch(db, { jobId: job.id, attemptId: second, seq: 0, points: lossAt(5, 9) });
  const path = `/jobs/${job.id}/events`;
  const seen = await readEvents(api, path, (events) => events.some((one) => one.event === 'job'));
  await storeMetricBatch(db, { jobId: job.id, attemptId: first, seq: 1, points: lossAt(6, 7) });
  const late = await readEvents(api, path, (events) => stepsOf(events).length > 0, {
    'last-event-id': seen.at(-1)?.id ?? '',
  });
  expect(late[0]?.data).toMatchObject({ attempt: 1, received: 7 });
  expect(stepsOf(late)).toEqual([6, 7]);
});

it('begins anew for an id that it never gave out', async () => {
  const job = await submit('odd-id');
  const attemptId = await makeAttempt(api.deps.db, job.id, 1);
  await storeMetricBatch(api.deps.db, { jobId: job.id, attemptId, seq: 0, points: lossAt(1, 3) });
  for (const id of ['x', '-1', '5-9.9', `${'9'.repeat(400)}`, "1'; drop table jobs"]) {
    const events = await readEvents(
      api,
      `/jobs/${job.id}/events`,
      (all) => stepsOf(all).length > 0,
      {
        'last-event-id': id,
      },
    );
    expect(stepsOf(events)).toEqual([1, 2, 3]);
  }
});

it('tells every state change of the project, from the last one that was seen', async () => {
  const before = await api.deps.db.history.findFirstOrThrow({ orderBy: { id: 'desc' } });
  const headers = { 'last-event-id': String(before.id) };
  const job = await submit('changes');
  const watching = readEvents(api, '/events', (all) => all.length >= 2, headers);
  await sleep(200);
  await api.call('POST', `/jobs/${job.id}/cancel`);
  const events = await watching;
  expect(events.map((one) => changeEvent.parse(one.data))).toMatchObject([
    { noun: 'job', id: job.id, label: 'changes', from: null, state: 'queued' },
    { noun: 'job', id: job.id, label: 'changes', from: 'queued', state: 'cancelled' },
  ]);
  const ids = events.map((one) => BigInt(one.id));
  expect((ids[1] ?? 0n) > (ids[0] ?? 0n)).toBe(true);
  const theirs = { authorization: `Bearer ${api.strangerKey}`, 'last-event-id': '1' };
  await expect(
    Promise.race([
      readEvents(api, '/events', (all) => all.length > 0, theirs),
      sleep(700).then(() => 'nothing'),
    ]),
  ).resolves.toBe('nothing');
});

it('opens no more streams for one key than a hundred', async () => {
  const stop = new AbortController();
  const open = () =>
    fetch(`${api.url}/api/v1/events`, {
      headers: { authorization: `Bearer ${api.apiKey}` },
      signal: stop.signal,
    });
  // The answers are kept: fetch closes the connection of one that nothing holds any more.
  const answers = await Promise.all(Array.from({ length: 105 }, open));
  const statuses = answers.map((answer) => answer.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(100);
  expect(statuses.filter((status) => status === 429)).toHaveLength(5);
  stop.abort();
  const again = new AbortController();
  const headers = { authorization: `Bearer ${api.apiKey}` };
  const status = async () =>
    (await fetch(`${api.url}/api/v1/events`, { headers, signal: again.signal })).status;
  await expect.poll(status, { timeout: 10_000 }).toBe(200);
  again.abort();
});

it('holds a change back while one with a lower number is not committed yet', async () => {
  const { db, config } = api.deps;
  const after = (await db.history.findFirstOrThrow({ orderBy: { id: 'desc' } })).id;
  const slow = new pg.Client({ connectionString: config.databaseUrl });
  await slow.connect();
  const insert = `INSERT INTO history (project_id, noun, subject_id, label, to_state, event)
    VALUES ('${api.projectId}', 'job', 'job_x', 'x', 'queued', 'submit')`;
  await slow.query('BEGIN');
  await slow.query(insert);
  await submit('overtakes');
  expect(await readHistory(db, api.projectId, after, 10)).toEqual([]);
  await slow.query('COMMIT');
  await slow.end();
  const labels = (await readHistory(db, api.projectId, after, 10)).map((row) => row.label);
  expect(labels).toEqual(['x', 'overtakes']);
});
