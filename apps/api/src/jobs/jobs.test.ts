import type { JobView, MetricSeries } from '@vanda/contracts';
import { storeLogBatch, storeMetricBatch } from '@vanda/records';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import {
  lossAt,
  makeAttempt,
  makeDatasetVersion,
  makeModelVersion,
  makeWorker,
  tableSpec,
} from '../rows.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
  await makeDatasetVersion(api, 'flowers');
  await makeDatasetVersion(api, 'pictures', 'images');
});
afterAll(() => api.close());

const submit = (spec: unknown, headers?: Record<string, string>) =>
  api.call<JobView>('POST', '/jobs', { spec }, headers);

it('completes a spec, keeps both and says why the job waits', async () => {
  const spec = tableSpec('flowers');
  const plan = await api.call<{ spec: Record<string, unknown> }>('POST', '/jobs/plan', { spec });
  expect(plan.status).toBe(200);
  expect(plan.body).toMatchObject({ object: 'plan', warnings: [] });
  const job = await submit(spec);
  expect(job.status).toBe(201);
  expect(job.body).toMatchObject({
    state: 'queued',
    name: 'flowers',
    dataset: { name: 'flowers', version: 1 },
    device: 'cpu',
    submittedSpec: spec,
    waiting: 'no live worker trains jobs',
    sentence: 'Waiting: no live worker trains jobs',
    attempts: [],
    splits: null,
  });
  expect(job.body.spec).toEqual(plan.body.spec);
  expect(job.body.spec).toMatchObject({ dataset: 'flowers@1', training: { batchSize: 32 } });
  await makeWorker(api.deps.db, ['train']);
  const gpu = await submit({ ...spec, resources: { device: 'gpu' } });
  expect(gpu.body.waiting).toBe('no live worker offers a gpu');
  const { subjectId, sentAt } = await api.deps.db.outbox.findFirstOrThrow({
    where: { subjectId: job.body.id },
  });
  expect(subjectId).toBe(job.body.id);
  await expect.poll(() => sentAt !== undefined).toBe(true);
});

it('names the field of a spec that is wrong, and what would be right', async () => {
  const spec = tableSpec('flowers');
  const cases: [object, string, RegExp][] = [
    [{ ...spec, epochs: 3 }, '/epochs', /no field "epochs"/],
    [{ ...spec, training: { epochs: 0 } }, '/training/epochs', /at least 1/],
    [{ ...spec, training: { epochs: -1 } }, '/training/epochs', /at least 1/],
    [{ ...spec, training: { epochs: 1e9 } }, '/training/epochs', /at most 10000/],
    [{ ...spec, training: { epochs: 1.5 } }, '/training/epochs', /whole number/],
    [{ ...spec, training: { batchSize: 0 } }, '/training/batchSize', /at least 1/],
    [
      { ...spec, training: { optimizer: { kind: 'adam', learningRate: null } } },
      '/training/optimizer/learningRate',
      /number/,
    ],
    [{ ...spec, training: { optimizer: { kind: 'magic' } } }, '/training/optimizer/kind', /"adam"/],
    [{ ...spec, task: 'magic' }, '/task', /"tabular-regression"/],
    [{ ...spec, name: '../x' }, '/name', /\^\[a-z0-9\]/],
    [{ ...spec, name: 'x'.repeat(64) }, '/name', /63/],
    [{ ...spec, name: '😀' }, '/name', /a-z/],
    [{ ...spec, target: undefined }, '/target', /name the column/],
    [{ ...spec, target: 'nothing' }, '/target', /"x", "y"/],
    [{ ...spec, target: 'constant' }, '/target', /same value/],
    [{ ...spec, target: 'empty' }, '/target', /no values/],
    [{ ...spec, task: 'tabular-regression' }, '/target', /needs numbers/],
    [{ ...spec, columns: { exclude: ['none'] } }, '/columns/exclude/0', /no column "none"/],
    [{ ...spec, model: { kind: 'cnn' } }, '/model/kind', /pictures only/],
    [{ ...spec, dataset: 'missing' }, '/dataset', /no dataset missing/],
    [{ ...spec, dataset: 'flowers@99' }, '/dataset', /flowers@99/],
    [{ ...spec, dataset: 'pictures' }, '/task', /pictures/],
    [{ ...spec, split: { validation: 0.6, test: 0.6 } }, '/split', /5 %/],
    [{ ...spec, deploy: { endpoint: 'x', minimum: { beauty: 1 } } }, '/deploy/minimum', /beauty/],
    [{}, '/name', /missing/i],
  ];
  for (const [given, pointer, sentence] of cases) {
    for (const path of ['/jobs', '/jobs/plan']) {
      const answer = await api.call('POST', path, { spec: given });
      expect(answer.status, `${path} ${pointer}`).toBe(400);
      expect(answer.body.code).toBe('invalid-spec');
      const error = answer.body.errors?.find((one) => one.pointer.startsWith(pointer));
      expect(`${error?.pointer} ${error?.message}`, JSON.stringify(answer.body)).toMatch(sentence);
    }
  }
  const bodies = [{}, { spec: 'text' }, { spec: [] }, { spec: null }, { spec: {}, more: 1 }];
  for (const body of bodies) {
    expect((await api.call('POST', '/jobs', body)).status).toBe(400);
  }
  const huge = await submit({
    ...spec,
    training: { optimizer: { kind: 'adam', learningRate: 1e308 } },
  });
  expect(huge.status).toBe(201);
});

it('keeps one name for one task', async () => {
  const other = await submit({
    name: 'flowers',
    task: 'image-classification',
    dataset: 'pictures',
  });
  expect(other.status).toBe(409);
  expect(other.body).toMatchObject({ code: 'name-taken', errors: [{ pointer: '/name' }] });
  expect(other.body.detail).toContain('tabular-classification');
});

it('submits once for one Idempotency-Key, also when the name is taken meanwhile', async () => {
  const headers = { 'idempotency-key': 'submit-1' };
  const spec = tableSpec('flowers', 'once');
  const all = await Promise.all(Array.from({ length: 6 }, () => submit(spec, headers)));
  const ids = new Set(all.filter((one) => one.status === 201).map((one) => one.body.id));
  expect(ids.size).toBe(1);
  expect((await submit(spec, headers)).body.id).toBe([...ids][0]);
  expect(await api.deps.db.job.count({ where: { name: 'once' } })).toBe(1);
});

it('lists, filters and cancels', async () => {
  const job = await submit(tableSpec('flowers', 'to-cancel'));
  const named = await api.call<{ data: JobView[] }>('GET', '/jobs?name=to-cancel&state=queued');
  expect(named.body.data.map((row) => row.id)).toEqual([job.body.id]);
  const refused = await api.call('DELETE', `/jobs/${job.body.id}`);
  expect(refused.status).toBe(409);
  for (let times = 0; times < 2; times++) {
    const answer = await api.call<JobView>('POST', `/jobs/${job.body.id}/cancel`);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ state: 'cancelled', sentence: 'Cancelled' });
    expect(answer.body.finishedAt).not.toBeNull();
  }
  const running = await submit(tableSpec('flowers', 'to-stop'));
  await makeAttempt(api.deps.db, running.body.id, 1);
  const stopping = await api.call<JobView>('POST', `/jobs/${running.body.id}/cancel`);
  expect(stopping.body).toMatchObject({ state: 'cancelling', sentence: 'Being cancelled' });
  const deleted = await api.call('DELETE', `/jobs/${job.body.id}`);
  expect(deleted.body).toMatchObject({ object: 'deleted', id: job.body.id });
  expect((await api.call('GET', `/jobs/${job.body.id}`)).status).toBe(404);
});

it('answers curves and logs: for each step the newest attempt that has it', async () => {
  const { db } = api.deps;
  const { body: job } = await submit(tableSpec('flowers', 'curves'));
  const first = await makeAttempt(db, job.id, 1);
  await storeMetricBatch(db, { jobId: job.id, attemptId: first, seq: 0, points: lossAt(1, 60) });
  const second = await makeAttempt(db, job.id, 2);
  const again = lossAt(41, 100).map(([step, epoch, name]) => [step, epoch, name, 7] as never);
  await storeMetricBatch(db, { jobId: job.id, attemptId: second, seq: 0, points: again });
  const all = await api.call<MetricSeries>('GET', `/jobs/${job.id}/metrics`);
  const curve = all.body.series['train.loss'];
  expect(curve?.steps).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  expect(curve?.values.slice(40)).toEqual(Array(60).fill(7));
  expect(all.body).toMatchObject({ received: 120, produced: 120 });
  const few = await api.call<MetricSeries>('GET', `/jobs/${job.id}/metrics?points=10`);
  expect(few.body.series['train.loss']?.steps.length).toBeLessThanOrEqual(10);
  const line = (text: string) => ({ at: '2026-01-01T00:00:00Z', level: 'info' as const, text });
  await storeLogBatch(db, {
    jobId: job.id,
    attemptId: first,
    seq: 0,
    lines: [line('a'), line('b')],
  });
  await storeLogBatch(db, { jobId: job.id, attemptId: second, seq: 0, lines: [line('c')] });
  const page = await api.call<{ data: { text: string }[]; last_id: string }>(
    'GET',
    `/jobs/${job.id}/logs?limit=2`,
  );
  expect(page.body.data.map((one) => one.text)).toEqual(['a', 'b']);
  const rest = await api.call<{ data: { text: string }[] }>(
    'GET',
    `/jobs/${job.id}/logs?after=${page.body.last_id}`,
  );
  expect(rest.body.data.map((one) => one.text)).toEqual(['c']);
  for (const after of ['x', '1.2', '9.9.9.9', "1'--"]) {
    const odd = await api.call('GET', `/jobs/${job.id}/logs?after=${encodeURIComponent(after)}`);
    expect([200, 400], after).toContain(odd.status);
  }
});

it('shows a finished job with its model, its splits and what deleting it frees', async () => {
  const made = await makeModelVersion(api, 'flowers', 'finished');
  const job = await api.call<JobView>('GET', `/jobs/${made.jobId}`);
  expect(job.body).toMatchObject({
    state: 'succeeded',
    model: 'finished@1',
    sentence: 'Made finished@1, 90.0 % right on the test split',
    endpoint: null,
  });
  const splits = await fetch(job.body.splits ?? '');
  expect((await splits.arrayBuffer()).byteLength).toBe(100);
  const deleted = await api.call('DELETE', `/jobs/${made.jobId}`);
  expect(deleted.body).toMatchObject({ freedBytes: 100 });
  const model = await api.call('GET', '/models/finished/versions/1');
  expect(model.body).toMatchObject({ jobId: made.jobId });
});

it('shows nothing of another project', async () => {
  const { body: job } = await submit(tableSpec('flowers', 'mine'));
  const headers = { authorization: `Bearer ${api.strangerKey}` };
  for (const end of ['', '/metrics', '/logs', '/events']) {
    const answer = await api.call('GET', `/jobs/${job.id}${end}`, undefined, headers);
    expect(answer.status, end).toBe(404);
  }
  expect((await api.call('POST', `/jobs/${job.id}/cancel`, undefined, headers)).status).toBe(404);
  expect((await api.call('DELETE', `/jobs/${job.id}`, undefined, headers)).status).toBe(404);
  const theirs = await submit(tableSpec('flowers'), headers);
  expect(theirs.status).toBe(400);
  expect(theirs.body.errors?.[0]?.pointer).toBe('/dataset');
});

it('lists the workers that announced themselves', async () => {
  const { body } = await api.call<{ data: object[] }>('GET', '/workers');
  expect(body.data[0]).toMatchObject({ object: 'worker', roles: ['train'], live: true });
});
