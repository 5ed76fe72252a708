import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportFormat, JobMetrics, ParityReport } from '@vanda/contracts';
import { loadPredictor } from '@vanda/estimators';
import {
  askForExport,
  claimNextExport,
  deleteModel,
  deliverOutbox,
  type ExportClaim,
  exportRole,
  findModelVersion,
  finishExport,
  inTransaction,
  objectOf,
  renewExportLease,
} from '@vanda/records';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import yauzl from 'yauzl';
import { startRig, type WorkerRig } from '../training/worker-under-test.fixture.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let rig: WorkerRig;
let worker: Awaited<ReturnType<WorkerRig['startWorker']>>;
let projectId: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-exporting-'));
  rig = await startRig();
  worker = await rig.startWorker();
});
afterAll(async () => {
  await rig.stop();
  await rm(folder, { recursive: true, force: true });
});

async function trained(name: string) {
  const { id } = await rig.submit({ name, training: { epochs: 3 } });
  await expect.poll(async () => (await rig.job(id)).state, { timeout: 60_000 }).toBe('succeeded');
  ({ projectId } = await rig.job(id));
  const version = await findModelVersion(rig.db, projectId, name, 1);
  if (version === null) throw new Error('no version');
  return version;
}

type Version = Awaited<ReturnType<typeof trained>>;

async function ask(version: Version, format: ExportFormat) {
  const asked = await inTransaction(rig.db, (tx) => askForExport(tx, version, format));
  await deliverOutbox(rig.db, rig.sender.enqueue, { subjectId: asked.export.id });
  return asked;
}

const row = (id: string) => rig.db.export.findUniqueOrThrow({ where: { id } });
const ended = (id: string) =>
  expect
    .poll(async () => (await row(id)).state, { timeout: 60_000 })
    .toMatch(/^(succeeded|failed)$/);

/** The processes of exports below a folder, by /proc. */
function exportProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const home = readlinkSync(`/proc/${pid}/cwd`);
        return line.includes('exporting/export-child.ts') && home.startsWith(rig.home);
      } catch {
        return false;
      }
    });
}

async function unpack(key: string, into: string): Promise<string[]> {
  const path = join(into, 'files.zip');
  await rig.objects.getFile(key, path);
  const zip = await yauzl.openPromise(path);
  const names: string[] = [];
  for await (const entry of zip.eachEntry()) {
    const parts: Buffer[] = [];
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
    await writeFile(join(into, entry.fileName), Buffer.concat(parts));
    names.push(entry.fileName);
  }
  return names;
}

describe('exports of model versions', () => {
  it('are made once, and answer as the model does', async () => {
    const version = await trained('exported');
    const { export: asked } = await ask(version, 'safetensors');
    expect(asked.state).toBe('queued');
    await ended(asked.id);
    const made = await row(asked.id);
    expect(made).toMatchObject({ state: 'succeeded', failureMessage: null });
    // On the split that no training touched, as the job measured it.
    const { validation } = version.metrics as JobMetrics;
    const known = {
      items: validation?.count,
      split: 'validation',
      topOneAgreement: 1,
      accuracy: validation?.accuracy,
      sourceAccuracy: validation?.accuracy,
    };
    expect(made.report as ParityReport).toMatchObject({ ...known, maxAbsoluteDifference: 0 });
    const owner = { kind: 'model-version', id: version.id };
    const key = await objectOf(rig.db, owner, exportRole('safetensors'));
    const files = await unpack(key ?? '', folder);
    expect(files.sort()).toEqual(['model.json', 'weights.safetensors']);
    const predictor = await loadPredictor(folder, { threads: 1 });
    expect(predictor.signature.output.kind).toBe('classes');
    predictor.close();

    const asOnnx = await ask(version, 'onnx');
    await ended(asOnnx.export.id);
    const onnx = await row(asOnnx.export.id);
    expect(onnx).toMatchObject({ state: 'succeeded', failureMessage: null });
    const report = onnx.report as ParityReport;
    expect(report).toMatchObject({ ...known, ranWith: 'ONNX Runtime' });
    expect(report.maxAbsoluteDifference).toBeLessThan(1e-5);

    const asLayers = await ask(version, 'tfjs');
    await ended(asLayers.export.id);
    const layers = await row(asLayers.export.id);
    expect(layers).toMatchObject({ state: 'succeeded', failureMessage: null });
    expect(layers.report).toMatchObject({ ...known, ranWith: 'TensorFlow.js' });
    const archive = await objectOf(rig.db, owner, exportRole('tfjs'));
    const into = await mkdtemp(join(folder, 'tfjs-'));
    expect((await unpack(archive ?? '', into)).sort()).toEqual([
      'group1-shard1of1.bin',
      'model.json',
    ]);
    const written = JSON.parse(await readFile(join(into, 'model.json'), 'utf8'));
    const { signature, preprocessing } = written.userDefinedMetadata;
    expect(signature.output.labels).toEqual(['Adelie', 'Chinstrap', 'Gentoo']);
    expect(preprocessing.features.length).toBeGreaterThan(3);

    const again = await ask(version, 'safetensors');
    expect(again).toMatchObject({ export: { id: asked.id, state: 'succeeded' }, outboxId: null });

    const freed = await inTransaction(rig.db, (tx) => deleteModel(tx, version.model, null));
    expect(freed.keys).toContain(key);
    await expect(ask(version, 'safetensors')).rejects.toThrow('There is no model exported@1.');
  });

  it('survive the death of their process, and end with a sentence when the model is damaged', async () => {
    const version = await trained('robust');
    const first = await ask(version, 'safetensors');
    await expect.poll(exportProcesses, { interval: 5, timeout: 30_000 }).not.toEqual([]);
    for (const pid of exportProcesses()) process.kill(pid, 'SIGKILL');
    await ended(first.export.id);
    expect(await row(first.export.id)).toMatchObject({ state: 'succeeded', leaseToken: 2 });

    const owner = { kind: 'model-version', id: version.id };
    const weights = await objectOf(rig.db, owner, 'weights');
    const whole = join(folder, 'weights');
    await rig.objects.getFile(weights ?? '', whole);
    const bytes = await readFile(whole);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await rig.objects.put(weights ?? '', bytes);
    await rig.db.export.deleteMany({ where: { id: first.export.id } });
    const second = await ask(version, 'safetensors');
    await ended(second.export.id);
    expect(await row(second.export.id)).toMatchObject({
      state: 'failed',
      failureCode: 'checksum-mismatch',
      failureMessage: expect.stringContaining('is damaged'),
    });
    // Asked for again, what failed is tried again.
    expect((await ask(version, 'safetensors')).export).toMatchObject({ state: 'queued' });
    await ended(second.export.id);
  });

  it('are fenced: who lost the lease writes nothing', async () => {
    const version = await trained('fenced');
    await worker.stop();
    const asked = await inTransaction(rig.db, (tx) => askForExport(tx, version, 'safetensors'));
    const slow = await claimNextExport(rig.db, { id: 'wrk_slow', leaseMs: 1 });
    await expect.poll(() => renewExportLease(rig.db, slow as ExportClaim, 60_000)).toBe(false);
    const next = await claimNextExport(rig.db, { id: 'wrk_next', leaseMs: 60_000 });
    expect([slow?.exportId, next?.exportId]).toEqual([asked.export.id, asked.export.id]);
    const report = {} as ParityReport;
    const file = (name: string) => ({
      key: `models/${version.id}/${name}.zip`,
      sha256: '0'.repeat(64),
      bytes: 1,
    });
    const made = (name: string) => ({ file: file(name), report });
    expect(await finishExport(rig.db, slow as ExportClaim, made('late'))).toBe(false);
    expect(await finishExport(rig.db, next as ExportClaim, made('next'))).toBe(true);
    const owner = { kind: 'model-version', id: version.id };
    const key = await objectOf(rig.db, owner, exportRole('safetensors'));
    expect(key).toBe(file('next').key);
  });
});
