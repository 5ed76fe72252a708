import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonFrom, runVanda } from './run-vanda.ts';

// What the command does where there is no Vanda, or one that refuses.

let home: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'vanda-cli-'));
  const { VANDA_URL: _, VANDA_API_KEY: __, ...rest } = process.env;
  env = { ...rest, VANDA_HOME: home };
});
afterAll(() => rm(home, { recursive: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('nobody there: one sentence, exit 1, no stack trace', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const ran = await runVanda(['jobs', 'list'], { ...env, VANDA_URL: url, VANDA_API_KEY: 'k' });
  expect(ran).toEqual({
    code: 1,
    stdout: '',
    stderr: `vanda: Nothing answers at ${url}: the connection was refused. Is it running? Start it with npm start.\n`,
  });
});

test('--json: the problem object alone on stdout, wherever the flag stands', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const known = { ...env, VANDA_URL: url, VANDA_API_KEY: 'k' };
  for (const args of [
    ['--json', 'jobs', 'list'],
    ['jobs', 'list', '--json'],
  ]) {
    const ran = await runVanda(args, known);
    expect(ran.code).toBe(1);
    expect(jsonFrom(ran)).toMatchObject({ code: 'unavailable', status: 503 });
  }
});

test('no profile and no variables: says what to do', async () => {
  const ran = await runVanda(['datasets', 'list'], env);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toBe(
    `vanda: There is no profile in ${home}: start Vanda with npm start (with the same VANDA_HOME, where you set one), or set VANDA_URL and VANDA_API_KEY.\n`,
  );
});

test.each([
  [['frobnicate'], /unknown command .* See vanda --help$/m],
  [['models', 'exprt'], /Did you mean export\?.* See vanda models --help$/m],
  [['models', 'export', 'm@1', 'out'], /--format .* See vanda models export --help$/m],
  [['jobs', 'show'], /missing required argument 'id'/],
  [['jobs', 'list', '--frob'], /unknown option/],
])('%j is a usage error', async (args, sentence) => {
  const ran = await runVanda(args, env);
  expect([ran.code, ran.stdout]).toEqual([2, '']);
  expect(ran.stderr).toMatch(sentence);
  expect(ran.stderr.trim().split('\n')).toHaveLength(1);
  expect(jsonFrom(await runVanda([...args, '--json'], env))).toMatchObject({
    code: 'invalid-request',
  });
});

test('what is wrong with a spec or a name is said before anything is sent', async () => {
  const known = { ...env, VANDA_URL: 'http://127.0.0.1:1', VANDA_API_KEY: 'k' };
  const spec = 'name: x\ntraining: { optimizer: { kind: adam, learningRate: .nan } }';
  const nan = await runVanda(['jobs', 'submit', '-', '--json'], known, spec);
  expect(nan.code).toBe(1);
  expect(jsonFrom(nan)).toMatchObject({
    code: 'invalid-spec',
    errors: [{ pointer: '/training/optimizer/learningRate' }],
  });
  for (const args of [
    ['datasets', 'push', '../x', home],
    ['datasets', 'show', 'A'],
    ['models', 'show', 'x@0'],
    ['endpoints', 'create', '-x', 'm@1'],
  ]) {
    const ran = await runVanda(args, known);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).not.toMatch(/\n\s+at /);
  }
  const missing = await runVanda(['jobs', 'submit', 'nowhere.yaml'], known);
  expect(missing.stderr).toBe('vanda: There is no file or folder nowhere.yaml.\n');
});

test('a profile is used, and its key is sent to its own address only', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"object":"list","data":[],"has_more":false,"last_id":null}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const own = await mkdtemp(join(tmpdir(), 'vanda-profile-'));
  await writeFile(join(own, 'profile.json'), JSON.stringify({ url, apiKey: 'vnd_profile' }));
  const at = { ...env, VANDA_HOME: own };
  const listed = await runVanda(['models', 'list', '--json'], at);
  expect(jsonFrom(listed)).toEqual({ object: 'list', data: [] });
  const empty = await runVanda(['models', 'list'], at);
  expect([empty.code, empty.stdout]).toEqual([0, 'No model yet: vanda jobs submit SPEC\n']);
  const elsewhere = await runVanda(['models', 'list'], { ...at, VANDA_URL: 'http://127.0.0.1:1' });
  expect(elsewhere.stderr).toContain('set VANDA_API_KEY');
  expect(new Set(asked)).toEqual(new Set(['Bearer vnd_profile']));
  server.close();
  await rm(own, { recursive: true });
});

test('--help is no failure', async () => {
  const ran = await runVanda(['--help'], env);
  expect([ran.code, ran.stderr]).toEqual([0, '']);
  expect(ran.stdout).toContain('Usage: vanda');
});
