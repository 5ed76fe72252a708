import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { processLives } from '../../../../tools/services/supervised-process.ts';
import { startTrainingProcess } from './training-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-process-'));
});
afterAll(() => rm(folder, { recursive: true }));

const options = () => ({ env: process.env, cwd: folder });
const script = fileURLToPath(new URL('./training-process.ts', import.meta.url));

/** A parent that starts a training process, says its id, and waits to be killed. */
function parentOf(setpriv: string): string {
  return `
    import { startTrainingProcess } from ${JSON.stringify(script)};
    const options = { env: process.env, cwd: ${JSON.stringify(folder)}, ...${setpriv} };
    const child = startTrainingProcess(options, () => {}, () => {});
    const timer = setInterval(() => {
      if (!child.loaded()) return;
      process.stdout.write(String(child.pid));
      clearInterval(timer);
      setInterval(() => {}, 1000);
      process.kill(process.pid, 'SIGKILL');
    }, 20);`;
}

for (const [how, setpriv] of [
  ['with setpriv', '{}'],
  ['without it', '{ setpriv: null }'],
] as const) {
  it(`dies with a worker that is killed, ${how}`, async () => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', parentOf(setpriv)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(await text(parent.stdout));
    expect(pid).toBeGreaterThan(1);
    await expect.poll(() => processLives(pid), { timeout: 5000 }).toBe(false);
  });
}

it('says how a process ended that was killed from outside', async () => {
  const child = startTrainingProcess(
    options(),
    () => {},
    () => {},
  );
  await expect.poll(() => child.loaded(), { timeout: 10_000 }).toBe(true);
  process.kill(child.pid ?? 0, 'SIGSEGV');
  expect(await child.ended).toEqual({
    how: 'The training process was ended by SIGSEGV.',
    outOfMemory: false,
  });
});

it('ends itself when its worker is not heard of any more', async () => {
  const child = startTrainingProcess(
    options(),
    () => {},
    () => {},
  );
  await expect.poll(() => child.loaded(), { timeout: 10_000 }).toBe(true);
  child.send({ type: 'held', forMs: 200 });
  expect((await child.ended).how).toBe('The training process ended with the exit code 1.');
});
