import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

let env: NodeJS.ProcessEnv;
let end: () => Promise<void>;
beforeAll(async () => {
  const database = await (await startPostgres()).freshDatabase();
  const home = await mkdtemp(join(tmpdir(), 'vanda-api-'));
  env = {
    ...process.env,
    VANDA_HOME: home,
    VANDA_PORT: '0',
    VANDA_DATABASE_URL: database.url,
    // Nothing listens there: the API starts without Redis.
    VANDA_REDIS_URL: 'redis://127.0.0.1:1',
    VANDA_OBJECTS: `disk:${home}/objects`,
    VANDA_SECRET: '0123456789abcdef'.repeat(4),
  };
  end = async () => {
    await database.drop();
    await rm(home, { recursive: true });
  };
});
afterAll(() => end());

function run(script: string, args: string[] = [], more: NodeJS.ProcessEnv = {}): ChildProcess {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return spawn(process.execPath, [file, ...args], { env: { ...env, ...more }, stdio });
}

async function output(child: ChildProcess) {
  const [out, err] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'exit'),
  ]);
  return { out, err, code: child.exitCode };
}

const owner = async (...args: string[]) =>
  JSON.parse((await output(run('./create-owner.ts', args))).out) as Record<string, string>;

it('makes the owner once, also when two starts do so at the same time', async () => {
  const answers = await Promise.all([owner(), owner()]);
  const made = answers.find((answer) => !answer.existing);
  const existing = answers.find((answer) => answer.existing);
  expect(made).toEqual({
    email: 'owner@vanda.local',
    password: expect.stringMatching(/^[a-z2-9-]{23}$/),
    apiKey: expect.stringMatching(/^vnd_/),
    projectId: expect.stringMatching(/^prj_/),
  });
  expect(existing).toMatchObject({ existing: true, projectId: made?.projectId });
  const renewed = await owner('--renew');
  expect(renewed.projectId).toBe(made?.projectId);
  expect(renewed.password).not.toBe(made?.password);
  expect(renewed.apiKey).not.toBe(made?.apiKey);
});

it('says on stdout when it is ready, and stops in order', async () => {
  const api = run('./main.ts');
  const [line] = (await once(api.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const { ready, port } = JSON.parse(line.toString());
  expect(ready).toBe(true);
  const health = await fetch(`http://127.0.0.1:${port}/api/health/ready`);
  expect(await health.json()).toMatchObject({ ready: true, degraded: true });

  const second = await output(run('./main.ts', [], { VANDA_PORT: String(port) }));
  expect(second.code).toBe(1);
  expect(second.err).toContain(
    `The port ${port} on 127.0.0.1 is taken: stop what uses it, or set VANDA_PORT to another one.`,
  );

  const exited = once(api, 'exit');
  api.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

it('names the setting that is not right', async () => {
  const wrong = { VANDA_SECRET: 'short', VANDA_DATABASE_URL: 'mysql://x' };
  const { code, err } = await output(run('./main.ts', [], wrong));
  expect(code).toBe(1);
  expect(err).toContain('VANDA_SECRET: must have at least 32 characters');
  expect(err).toContain('VANDA_DATABASE_URL: must be a postgres:// URL');
});
