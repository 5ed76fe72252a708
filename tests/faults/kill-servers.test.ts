import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '@vanda/records';
import { startStack, type TestStack } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { jsonFrom, runVanda } from '../cli/run-vanda.ts';

// A whole installation, as a pipeline uses it: the command waits for its job while a server is killed under it.

const root = join(import.meta.dirname, '../..');
const penguins = join(root, 'node_modules/vega-datasets/data/penguins.json');
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
let folder: string;
let undisturbed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-faults-'));
  stack = await startStack({ env: { VANDA_LEASE_SECONDS: '3' } });
  db = openDatabase(stack.settings.databaseUrl);
  await ask('datasets', 'push', 'penguins', penguins);
  await submit('undisturbed');
  undisturbed = await weightsOf('undisturbed');
}, 120_000);
afterAll(async () => {
  await db?.$disconnect();
  await stack?.stop();
  await rm(folder, { recursive: true });
});

async function ask<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const ran = await runVanda([...args, '--json'], stack.cliEnvironment);
  if (ran.code !== 0) throw new Error(`vanda ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
  return jsonFrom<T>(ran);
}

async function submit(name: string): Promise<{ state: string; model: string }> {
  const spec = join(folder, `${name}.json`);
  await writeFile(
    spec,
    JSON.stringify({
      name,
      task: 'tabular-classification',
      dataset: 'penguins',
      target: 'Species',
      model: { kind: 'mlp', hidden: [256, 128] },
      training: { epochs: 200, batchSize: 16, earlyStopping: null },
      deploy: { endpoint: name },
    }),
  );
  return ask('jobs', 'submit', spec, '--wait');
}

async function weightsOf(name: string): Promise<string> {
  const version = await db.modelVersion.findFirstOrThrow({ where: { job: { name } } });
  const ref = await db.objectRef.findFirstOrThrow({
    where: { ownerKind: 'model-version', ownerId: version.id, role: 'weights' },
    include: { object: true },
  });
  return ref.object.sha256;
}

async function underWay(name: string): Promise<void> {
  const kept = () => db.checkpoint.count({ where: { job: { name, state: 'running' } } });
  await expect.poll(kept, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
  await sleep(200);
}

/** As an operator runs it, by the command. */
function audit(): Promise<unknown> {
  const { home, databaseUrl, objects } = stack.settings;
  const env = {
    ...process.env,
    VANDA_HOME: home,
    VANDA_DATABASE_URL: databaseUrl,
    VANDA_OBJECTS: objects,
  };
  const args = [join(root, 'tools/audit/main.ts'), '--json', '--drained'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (_error, stdout) => resolve(JSON.parse(stdout)));
  });
}

async function survives(name: string, fault: () => Promise<void>): Promise<void> {
  const submitted = submit(name);
  await underWay(name);
  await fault();
  expect(await submitted).toMatchObject({ state: 'succeeded', model: `${name}@1` });
  expect(await weightsOf(name)).toBe(undisturbed);
  expect(await db.attempt.count({ where: { job: { name } } })).toBe(1);
  const answer = await ask<{ predictions: { label: string }[] }>(
    'predict',
    name,
    JSON.stringify(row),
  );
  expect(answer.predictions[0]?.label).toBe('Gentoo');
  await expect.poll(audit, { timeout: 20_000, interval: 1000 }).toMatchObject({ findings: [] });
}

it('a job goes on while the API is killed, and the command that waits for it too', async () => {
  await survives('without-api', () => stack.processes.api.killAndWait());
});

it('a job goes on while the inference server is killed, and is served by the next one', async () => {
  await survives('without-serve', () => stack.processes.serve.killAndWait());
});
