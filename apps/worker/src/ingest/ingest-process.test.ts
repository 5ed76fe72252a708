import { mkdtempSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ingestInProcess } from './ingest-process.ts';

// Processes are started and killed here, beside whatever else the machine does.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-ingest-process-'));
  await writeFile(join(folder, 'small.csv'), 'a,b\n1,2\n');
  const rows = Array.from({ length: 500_000 }, (_, i) => `${i},${i * 0.5},word ${i % 91}`);
  await writeFile(join(folder, 'large.csv'), `a,b,c\n${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function run(
  filename: string,
  bounds: { memoryMaxBytes?: number; timeoutMs?: number; signal?: AbortSignal } = {},
) {
  const notes: string[] = [];
  const workDir = mkdtempSync(join(folder, 'work-'));
  const result = ingestInProcess({
    task: {
      files: [{ path: join(folder, filename), filename }],
      options: {},
      projectId: 'prj_test',
      workDir,
      outDir: join(workDir, 'out'),
    },
    env: { PATH: process.env.PATH ?? '' },
    onProgress: (_, note) => notes.push(note),
    signal: new AbortController().signal,
    memoryMaxBytes: 4 * 1024 ** 3,
    timeoutMs: 60_000,
    ...bounds,
  });
  return { result, notes };
}

/** The process that reads the data, by its command line. */
function childPid(): number | undefined {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return children
    .trim()
    .split(' ')
    .map(Number)
    .find(
      (pid) => pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ingest-child'),
    );
}

describe('the process that reads the data', () => {
  it('answers what came out, and says how far it is', async () => {
    const { result, notes } = run('small.csv');
    expect((await result).receipt).toMatchObject({ accepted: 1 });
    expect(notes.length).toBeGreaterThan(0);
  });

  it('hands on the sentence of bad data', async () => {
    await writeFile(join(folder, 'empty.csv'), '');
    await expect(run('empty.csv').result).rejects.toMatchObject({ code: 'bad-data' });
  });

  it('dies alone when it is killed', async () => {
    const { result } = run('large.csv');
    const outcome = expect(result).rejects.toThrow('was ended by SIGKILL');
    await expect.poll(childPid, { interval: 10 }).toBeDefined();
    process.kill(childPid() ?? 0, 'SIGKILL');
    await outcome;
  });

  it('is ended when it needs too much memory or time, or is not wanted any more', async () => {
    await expect(run('large.csv', { memoryMaxBytes: 1024 ** 2 }).result).rejects.toMatchObject({
      code: 'out-of-memory',
      message: 'Reading the data needs more than 1 MiB of memory.',
    });
    await expect(run('large.csv', { timeoutMs: 100 }).result).rejects.toMatchObject({
      code: 'timed-out',
    });
    const stop = new AbortController();
    const { result } = run('large.csv', { signal: stop.signal });
    stop.abort(new Error('not wanted'));
    await expect(result).rejects.toThrow('not wanted');
    await expect.poll(childPid).toBeUndefined();
  });
});
