import { join } from 'node:path';
import { type Client, createClient } from '@vanda/client';
import { VandaError } from '@vanda/contracts';
import { openObjectStore } from '@vanda/objects';
import { type Database, openDatabase } from '@vanda/records';
import { startStack, type TestStack } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trainingProcesses } from '../../apps/worker/src/training/worker-under-test.fixture.ts';
import { audit } from '../../tools/audit/audit.ts';
import { jsonFrom, runVanda } from '../cli/run-vanda.ts';

// Somebody tries a job all the time while one process after the other is killed: there is an answer or a sentence.

const penguins = join(import.meta.dirname, '../../node_modules/vega-datasets/data/penguins.json');
const row = {
  Island: 'Biscoe',
  'Beak Length (mm)': 47,
  'Beak Depth (mm)': 15,
  'Flipper Length (mm)': 220,
  'Body Mass (g)': 5000,
  Sex: 'MALE',
};

let stack: TestStack;
let db: Database;
let client: Client;
let id: string;
beforeAll(async () => {
  stack = await startStack({ env: { VANDA_LEASE_SECONDS: '3' } });
  db = openDatabase(stack.settings.databaseUrl);
  client = createClient({ baseUrl: stack.url, apiKey: stack.apiKey });
  const pushed = await runVanda(
    ['datasets', 'push', 'penguins', penguins, '--json'],
    stack.cliEnvironment,
  );
  expect(jsonFrom(pushed)).toMatchObject({ accepted: 344 });
  // Small steps, so that the best epoch is a new one for as long as the test goes on.
  const optimizer = { kind: 'sgd', learningRate: 0.0001 };
  const spec = {
    name: 'tried',
    task: 'tabular-classification',
    dataset: 'penguins',
    target: 'Species',
    training: { epochs: 10_000, batchSize: 16, earlyStopping: null, optimizer },
  };
  id = (await client.jobs.create({ body: { spec } })).id;
}, 120_000);
afterAll(async () => {
  await db?.$disconnect();
  await stack?.stop();
});

const shown = () => db.preview.findUnique({ where: { jobId: id }, include: { attempt: true } });
const predict = () => client.jobs.predict({ params: { id }, body: { instances: [row] } });
const answers = () =>
  predict().then(
    ({ predictions }) => (predictions as { label: string }[])[0]?.label !== undefined,
    () => false,
  );

/** A preview of a later epoch than that one, which can be tried. */
async function untilBetter(epoch: number): Promise<void> {
  await expect
    .poll(async () => ((await shown())?.epoch ?? 0) > epoch, { timeout: 60_000 })
    .toBe(true);
  await expect.poll(answers, { timeout: 30_000 }).toBe(true);
}

it('survives the death of every process, and nothing of it is left when the job has ended', async () => {
  await untilBetter(0);
  let trying = true;
  const refusals = new Set<string>();
  const person = (async () => {
    while (trying) {
      await predict().catch((error: unknown) => {
        refusals.add(
          error instanceof VandaError ? `${error.code}: ${error.message}` : String(error),
        );
      });
    }
  })();
  const { api, worker, serve } = stack.processes;
  const faults: [string, () => Promise<unknown>][] = [
    [
      'the child',
      async () => process.kill(trainingProcesses(stack.settings.home)[0] as number, 'SIGKILL'),
    ],
    ['the worker', () => worker.killAndWait()],
    ['the inference server', () => serve.killAndWait()],
    ['the API', () => api.killAndWait()],
  ];
  for (const [what, kill] of faults) {
    const before = await shown();
    await kill();
    // What was shown can still be tried, whoever was to make the next one.
    expect((await shown())?.epoch, what).toBeGreaterThanOrEqual(before?.epoch ?? 0);
    await untilBetter(before?.epoch ?? 0);
  }
  expect((await shown())?.attempt.number).toBe(3);
  const { settings } = stack;
  const store = await openObjectStore({
    url: settings.objects,
    secret: settings.secret,
    publicUrl: settings.publicUrl,
  });
  const findings = async (drained: boolean) =>
    (await audit({ databaseUrl: settings.databaseUrl, store, drained })).findings;
  expect(await findings(false)).toEqual([]);
  trying = false;
  await person;
  // While a server was down somebody may have been told so; nothing else.
  expect([...refusals].filter((refusal) => !refusal.startsWith('unavailable:'))).toEqual([]);

  await client.jobs.cancel({ params: { id } });
  await expect.poll(shown, { timeout: 30_000 }).toBeNull();
  await expect(predict()).rejects.toMatchObject({ code: 'illegal-state' });
  const named = () => db.storedObject.count({ where: { key: { startsWith: 'previews/' } } });
  expect(await named()).toBe(0);
  await expect.poll(() => findings(true), { timeout: 20_000 }).toEqual([]);
  await store.close();
}, 240_000);
