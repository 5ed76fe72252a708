import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const keptMs = 7 * 86_400_000;

/** Which uploads were begun and not yet used, by server and content, so that a push that broke goes on by part. */
export class RememberedUploads {
  private readonly folder: string;
  constructor(stateFolder: string, url: string) {
    this.folder = join(stateFolder, 'uploads', encodeURIComponent(url));
  }

  async find(fingerprint: string): Promise<string | undefined> {
    return readFile(join(this.folder, fingerprint), 'utf8').catch(() => undefined);
  }

  /** A folder that cannot be written costs the resuming, never the push. */
  async remember(fingerprint: string, uploadId: string): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await writeFile(join(this.folder, fingerprint), uploadId, { mode: 0o600 });
    } catch {
      return;
    }
  }

  async forget(fingerprints: string[]): Promise<void> {
    const files = fingerprints.map((fingerprint) => join(this.folder, fingerprint));
    for (const name of await readdir(this.folder).catch(() => [])) {
      const file = join(this.folder, name);
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > keptMs) files.push(file);
    }
    await Promise.all(files.map((file) => rm(file, { force: true }).catch(() => {})));
  }
}
