import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyLayout, type ObjectStore, openObjectStore } from '@vanda/objects';
import type { Servable } from '@vanda/records';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ArtifactCache } from './artifact-cache.ts';
import { CrashMarks } from './crash-marks.ts';
import { JobTrials, type TrialLimits } from './job-trials.ts';
import { LinePredictor, secret } from './serving-fixture.ts';
import { VersionPool } from './version-pool.ts';

let folder: string;
let objects: ObjectStore;
let loaded: LinePredictor[];
/** What the rows would say each job has to try. */
let now: Record<string, Servable>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vanda-trials-'));
  const publicUrl = 'http://127.0.0.1:1';
  objects = await openObjectStore({ url: `disk:${join(folder, 'objects')}`, secret, publicUrl });
  loaded = [];
  now = {};
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function openTrials(limits: Partial<TrialLimits> = {}): JobTrials {
  const cache = new ArtifactCache(join(folder, 'cache'), objects);
  const load = async (at: string) => {
    const predictor = new LinePredictor(
      Number(await readFile(join(at, 'weights.safetensors'), 'utf8')),
    );
    loaded.push(predictor);
    return predictor;
  };
  const pool = new VersionPool(cache, new CrashMarks(join(folder, 'marks')), load, 1, {});
  return new JobTrials(async (_, jobId) => now[jobId] as Servable, pool, cache, limits);
}

/** A preview in the store that adds `offset`, with weights of that many bytes. */
async function preview(id: string, offset: number, size = 10): Promise<Servable> {
  const put = async (file: string, text: string) => {
    const stored = await objects.put(keyLayout.previewFile(id, file), Buffer.from(text));
    return { key: stored.key, sha256: stored.sha256, bytes: stored.size };
  };
  const weights = await put('weights.safetensors', String(offset).padStart(size));
  return { id, graph: await put('model.json', '{}'), weights };
}

const ask = (trials: JobTrials, jobId: string) =>
  trials.use('prj_1', jobId, (model) => model.predict([{ x: 1 }]));
const open = () => loaded.filter((predictor) => !predictor.closed).length;

it('a better preview takes over under load; the one before is closed when its last request has left', async () => {
  const trials = openTrials();
  let running = true;
  const answers = new Set<unknown>();
  now.job = await preview('pvw_0', 0);
  const load = Array.from({ length: 6 }, async () => {
    while (running) answers.add((await ask(trials, 'job'))[0]);
  });
  for (let better = 1; better <= 5; better++) {
    now.job = await preview(`pvw_${better}`, better * 100);
    await expect.poll(() => answers.has(better * 100 + 1), { interval: 2 }).toBe(true);
    // The store frees what was replaced while requests may still be on their way to it.
    await objects.delete(keyLayout.previewFile(`pvw_${better - 1}`, 'weights.safetensors'));
  }
  running = false;
  await Promise.all(load);
  await expect.poll(open).toBe(1);
  expect(loaded).toHaveLength(6);
  // Once in memory, its files are of no use.
  await expect.poll(() => readdirSync(join(folder, 'cache'))).toEqual([]);
  trials.close();
  await expect.poll(open).toBe(0);
});

it('goes on with the one that took its place where the files are gone meanwhile', async () => {
  const trials = openTrials();
  const gone = await preview('pvw_gone', 1);
  await objects.delete(gone.weights?.key ?? '');
  const next = await preview('pvw_next', 200);
  let asked = 0;
  Object.defineProperty(now, 'job', { get: () => (asked++ === 0 ? gone : next) });
  expect(await ask(trials, 'job')).toEqual([201]);
  Object.defineProperty(now, 'other', { get: () => gone });
  await expect(ask(trials, 'other')).rejects.toThrow();
});

it('keeps a bounded number of models and bytes, the most recently asked', async () => {
  const trials = openTrials({ jobsMax: 3, bytesMax: 25, idleMs: 1000 });
  for (const id of ['a', 'b', 'c']) now[id] = await preview(`pvw_${id}`, 1);
  await ask(trials, 'a');
  await ask(trials, 'b');
  await ask(trials, 'a');
  expect(loaded).toHaveLength(2);
  // Three of ten bytes do not fit into 25: `b`, which nobody asked for longest, makes room.
  await ask(trials, 'c');
  await expect.poll(open).toBe(2);
  await ask(trials, 'a');
  expect(loaded).toHaveLength(3);
  await ask(trials, 'b');
  expect(loaded).toHaveLength(4);
  now.large = await preview('pvw_large', 1, 26);
  await expect(ask(trials, 'large')).rejects.toThrow(/a model of up to 1 MiB can be tried here/);
  expect(open()).toBe(2);
  trials.letIdleGo(Date.now() + 2000);
  await expect.poll(open).toBe(0);
});
