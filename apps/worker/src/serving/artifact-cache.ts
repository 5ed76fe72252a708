import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { VandaError } from '@vanda/contracts';
import type { ObjectStore } from '@vanda/objects';
import type { Servable, ServedFile } from '@vanda/records';

const staleMs = 24 * 3_600_000;

/** Model files on the local disk, by model version. What lies there was checked by hash each time it is handed out. */
export class ArtifactCache {
  private readonly folder: string;
  private readonly objects: ObjectStore;

  constructor(folder: string, objects: ObjectStore) {
    this.folder = folder;
    this.objects = objects;
  }

  /** A folder with model.json and weights.safetensors. */
  async folderOf(version: Servable): Promise<string> {
    const { graph, weights } = version;
    if (graph === null || weights === null) {
      throw new VandaError('internal', 'The files of this model version are missing.');
    }
    const folder = join(this.folder, version.id);
    await mkdir(folder, { recursive: true });
    await this.bring(graph, join(folder, 'model.json'));
    await this.bring(weights, join(folder, 'weights.safetensors'));
    const now = new Date();
    await utimes(folder, now, now);
    return folder;
  }

  private async bring(file: ServedFile, path: string): Promise<void> {
    if (await holds(path, file)) return;
    // Two servers may share the folder.
    const arriving = `${path}.${process.pid}`;
    const { sha256 } = await this.objects.getFile(file.key, arriving);
    if (sha256 !== file.sha256) {
      await rm(arriving, { force: true });
      throw new VandaError('checksum-mismatch', `The stored file ${file.key} is damaged.`);
    }
    await rename(arriving, path);
  }

  /** Frees what will not be loaded again. */
  async forget(id: string): Promise<void> {
    await rm(join(this.folder, id), { recursive: true, force: true });
  }

  /** Frees what nothing has been served from for a day. */
  async prune(used: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, name);
      const modified = await stat(path)
        .then(({ mtimeMs }) => mtimeMs)
        .catch(() => Date.now());
      if (used.has(name) || Date.now() - modified < staleMs) continue;
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function holds(path: string, file: ServedFile): Promise<boolean> {
  const size = await stat(path)
    .then((found) => found.size)
    .catch(() => -1);
  if (size !== file.bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === file.sha256;
}
