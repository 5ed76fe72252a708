import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  makePlace,
  type Place,
  processesOf,
  Start,
  untilNobodyLives,
} from './start-vanda.fixture.ts';

let place: Place;
let password: string;
const starts: Start[] = [];

function start(...args: string[]): Start {
  const started = new Start(place, ...args);
  starts.push(started);
  return started;
}

const ready = /Vanda is ready/;

beforeAll(async () => {
  place = await makePlace();
});
afterEach(async () => {
  for (const started of starts.splice(0)) await started.kill();
});
afterAll(async () => {
  await untilNobodyLives(place);
  place.remove();
});

async function profile(): Promise<{ url: string; apiKey: string }> {
  return JSON.parse(readFileSync(join(place.home, 'profile.json'), 'utf8'));
}

test('the first start shows where things are and how to sign in, and its key works', async () => {
  const started = start('--no-demo');
  await started.until(ready, 120_000);
  expect(started.output).toContain(`http://127.0.0.1:${place.port}`);
  password = (await started.until(/Password\s+(\S+)/))[1] ?? '';
  expect(statSync(place.home).mode & 0o777).toBe(0o700);
  expect(statSync(join(place.home, 'profile.json')).mode & 0o777).toBe(0o600);
  const { url, apiKey } = await profile();
  const me = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect(me.status).toBe(200);
  expect((await fetch(`${url}/api/v1/me`)).status).toBe(401);
  const page = await fetch(url);
  expect(await page.text()).toContain('<div id="root">');
  expect((await fetch(`http://127.0.0.1:${place.inferencePort}/`)).status).toBe(200);
  expect(await started.interrupt()).toBe(0);
  expect(started.output).toContain('Stopped in');
  expect(processesOf(place)).toEqual([]);
});

test('the second start keeps everything and needs no network', async () => {
  const started = start('--no-demo');
  await started.until(ready);
  expect(started.output).not.toMatch(/npm packages|\(apt\)|Building/);
  expect(started.output).not.toContain(password);
  const { url, apiKey } = await profile();
  const me = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect(me.status).toBe(200);
});

test('a second start beside the first says who has the state folder', async () => {
  const first = start('--no-demo');
  await first.until(ready);
  const second = start('--no-demo');
  expect(await second.exited).toBe(1);
  expect(second.output).toContain(`already runs with the state folder ${place.home}`);
  expect((await fetch(`http://127.0.0.1:${place.port}/api/health/ready`)).status).toBe(200);
});

test('two installations run side by side and know nothing of each other', async () => {
  const other = await makePlace();
  const first = start('--no-demo');
  const second = new Start(other, '--no-demo');
  starts.push(second);
  await Promise.all([first.until(ready), second.until(ready, 120_000)]);
  const key = (await profile()).apiKey;
  const ask = (port: number) =>
    fetch(`http://127.0.0.1:${port}/api/v1/me`, { headers: { authorization: `Bearer ${key}` } });
  expect((await ask(place.port)).status).toBe(200);
  expect((await ask(other.port)).status).toBe(401);
  await second.interrupt();
  expect((await ask(place.port)).status).toBe(200);
  other.remove();
});

test('Ctrl-C in the middle of a start ends it in order', async () => {
  const started = start('--no-demo');
  await started.until(/Starting|✓ Starting Postgres/);
  await started.interrupt();
  expect(processesOf(place)).toEqual([]);
  const next = start('--no-demo');
  await next.until(ready);
});

test('a port that is taken is named, with what to do', async () => {
  // The servers of a start that was killed let go of their ports a moment after it.
  await untilNobodyLives(place);
  const other = createServer();
  await new Promise<void>((resolve) => {
    other.on('error', () => setTimeout(() => other.listen(place.inferencePort, '127.0.0.1'), 200));
    other.once('listening', resolve);
    other.listen(place.inferencePort, '127.0.0.1');
  });
  const started = start('--no-demo');
  expect(await started.exited).toBe(1);
  other.close();
  expect(started.output).toContain(`Port ${place.inferencePort} on 127.0.0.1`);
  expect(started.output).toContain('VANDA_INFERENCE_PORT=');
  expect(processesOf(place)).toEqual([]);
});

test('an unknown option and a wrong setting are refused with a sentence', async () => {
  const unknown = start('--demo');
  expect(await unknown.exited).toBe(1);
  expect(unknown.output).toContain('Unknown option --demo');
});

test.each([
  ['the API', 'apps/api/src/main.ts'],
  ['the worker', '--roles train,ingest'],
  ['the inference server', '--roles serve'],
  ['Redis', 'redis-server'],
  ['Postgres', '/bin/postgres'],
])('%s comes back when it is killed, with a line that says so', async (title, command) => {
  const started = start('--no-demo');
  await started.until(ready);
  // The postmaster is the oldest of its processes.
  const [victim] = processesOf(place)
    .filter(({ commandLine }) => commandLine.includes(command))
    .sort((a, b) => a.pid - b.pid);
  if (!victim) throw new Error(`${title} is not among ${JSON.stringify(processesOf(place))}`);
  process.kill(victim.pid, 'SIGKILL');
  await started.until(new RegExp(`${title} ended \\(SIGKILL\\) after`));
  await started.until(new RegExp(`${title} is back \\(restart 1\\)`));
  const { url, apiKey } = await profile();
  const jobs = () =>
    fetch(`${url}/api/v1/jobs`, { headers: { authorization: `Bearer ${apiKey}` } });
  await expect.poll(async () => (await jobs()).status, { timeout: 20_000 }).toBe(200);
  expect(await started.interrupt()).toBe(0);
  expect(processesOf(place)).toEqual([]);
});

test('when the start itself is killed nothing outlives it, and the next one goes on', async () => {
  const started = start('--no-demo');
  await started.until(ready);
  expect(processesOf(place).length).toBeGreaterThan(5);
  await started.kill();
  await untilNobodyLives(place);
  const next = start('--no-demo');
  await next.until(ready);
  const audit = join(import.meta.dirname, '../../tools/audit/main.ts');
  const env = { ...process.env, VANDA_HOME: place.home };
  const output = execFileSync(process.execPath, [audit, '--json'], { env, encoding: 'utf8' });
  expect(JSON.parse(output).findings).toEqual([]);
});
