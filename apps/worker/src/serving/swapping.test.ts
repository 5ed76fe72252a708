import { mkdir, writeFile } from 'node:fs/promises';
import { startOwnPostgres } from '@vanda/testing';
import { expect, test } from 'vitest';
import { jsonOf, type LinePredictor, startFixture } from './serving-fixture.ts';

test('deploying back and forth under load drops no request', async () => {
  await using at = await startFixture();
  const { seq } = await at.create(1);
  await at.waitFor(seq);
  let running = true;
  const answers: number[] = [];
  const load = Array.from({ length: 8 }, async () => {
    while (running) {
      const response = await at.post('/v1/models/line:predict', { instances: [{ x: 0 }] });
      expect(response.status).toBe(200);
      answers.push((await jsonOf(response)).predictions[0] ?? Number.NaN);
    }
  });
  let last = seq;
  for (const version of [2, 3, 1, 2, 3]) {
    last = (await at.deploy(version)).seq;
    await at.waitFor(last);
    const response = await at.post('/v1/models/line:predict', { instances: [{ x: 0 }] });
    expect((await jsonOf(response)).predictions).toEqual([version * 100]);
  }
  running = false;
  await Promise.all(load);
  expect(new Set(answers)).toEqual(new Set([100, 200, 300]));
  // Every version that was replaced has been closed; the last one is open.
  const open = at.loaded.filter((predictor: LinePredictor) => !predictor.closed);
  expect(open).toHaveLength(1);
});

test('requests at the same time share batches', async () => {
  await using at = await startFixture();
  await at.waitFor((await at.create(1)).seq);
  const bodies = Array.from({ length: 64 }, (_, x) => ({ instances: [{ x }] }));
  const answers = await Promise.all(
    bodies.map(async (body) => jsonOf(await at.post('/v1/models/line:predict', body))),
  );
  expect(answers.map(({ predictions }) => predictions[0])).toEqual(bodies.map((_, x) => x + 100));
  expect(at.loaded[0]?.calls.length).toBeLessThan(64);
});

test('a version that cannot be loaded leaves the old one serving, and says why', async () => {
  await using at = await startFixture();
  await at.waitFor((await at.create(1)).seq);
  const broken = at.target(2);
  await at.db.objectRef.deleteMany({ where: { ownerId: broken.id, role: 'weights' } });
  const { seq } = await at.deploy(2);
  const row = await at.waitFor(seq, 'failed');
  expect(row.error).toMatch(/files of this model version are missing/);
  const response = await at.post('/v1/models/line:predict', { instances: [{ x: 0 }] });
  expect((await jsonOf(response)).predictions).toEqual([100]);
  const status = await jsonOf<{ model_version_status: object[] }>(await at.get('/v1/models/line'));
  expect(status.model_version_status).toMatchObject([
    { version: '2', state: 'END' },
    { version: '1', state: 'AVAILABLE' },
  ]);
  await at.waitFor((await at.deploy(3)).seq);
});

test('a model that kills the server while it loads is left alone after three deaths', async () => {
  await using at = await startFixture({
    loadPredictor: () => Promise.reject(new Error('not reached')),
  });
  await mkdir(`${at.cacheFolder}/loading`, { recursive: true });
  const mark = JSON.stringify({ deaths: 3, at: Date.now() });
  await writeFile(`${at.cacheFolder}/loading/${at.target(1).id}`, mark);
  const row = await at.waitFor((await at.create(1)).seq, 'failed');
  expect(row.error).toMatch(/ended the inference server 3 times/);
});

// A busy machine takes its time to make a Postgres and to start it again.
const ownPostgresMs = 60_000;

test(
  'serves what is loaded while Postgres is away, and follows again afterwards',
  async () => {
    await using postgres = await startOwnPostgres({ durable: true });
    await using at = await startFixture({}, 3, postgres);
    await at.waitFor((await at.create(1)).seq);
    const ask = async () => {
      const response = await at.post('/v1/models/line:predict', { instances: [{ x: 0 }] });
      return [response.status, (await jsonOf(response)).predictions?.[0]];
    };
    expect(await ask()).toEqual([200, 100]);
    const down = postgres.process.killAndWait();
    for (let tries = 0; tries < 20; tries++) expect(await ask()).toEqual([200, 100]);
    await down;
    await at.waitFor((await at.deploy(2)).seq);
    expect(await ask()).toEqual([200, 200]);
  },
  ownPostgresMs,
);

test('a stopping server finishes what it has taken', async () => {
  const at = await startFixture();
  await at.waitFor((await at.create(1)).seq);
  const answers = Array.from({ length: 20 }, () =>
    at.post('/v1/models/line:predict', { instances: [{ x: 0 }] }),
  );
  await new Promise((resolve) => setTimeout(resolve, 3));
  const disposed = at[Symbol.asyncDispose]();
  const outcomes = await Promise.allSettled(answers);
  await disposed;
  for (const outcome of outcomes) {
    // A connection that was not yet accepted is refused; one that was gets its whole answer.
    if (outcome.status === 'fulfilled') expect(outcome.value.status).toBe(200);
  }
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
});
