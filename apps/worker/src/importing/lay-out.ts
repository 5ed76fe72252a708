import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VandaError } from '@vanda/contracts';
import { collectEntries, type PushedFile } from '../ingest/archives/collect-entries.ts';
import type { Entry } from '../ingest/archives/entry.ts';
import { looseEntry } from '../ingest/archives/loose-entry.ts';
import { badData } from '../ingest/bad-data.ts';
import { Rejections } from '../ingest/rejections.ts';

const filesMax = 1000;
const bytesMax = 16 * 1024 ** 3;
/** Model files by their names; a Keras archive is a zip, too, and stays whole. Anything else may be an archive. */
const modelFile = /\.(onnx|keras|h5|hdf5|pth|pt|safetensors|json|bin|data|weight|weights)$/i;

export interface LaidOut {
  /** Below the folder. */
  name: string;
  bytes: number;
  sha256: string;
}

/**
 * Puts what was uploaded into a folder under the names that its files know each other by; archives are unpacked, and
 * nothing leads out of the folder.
 *
 * @param rename Where a file goes, by its path; null leaves it out.
 * @param missing What to say of where none is left.
 */
export async function layOut(
  files: readonly PushedFile[],
  folder: string,
  workDir: string,
  rename: (path: string) => string | null,
  missing = 'no file',
): Promise<LaidOut[]> {
  const rejections = new Rejections(join(workDir, 'rejected.jsonl'));
  const loose = files.filter(({ filename }) => modelFile.test(filename));
  const packed = files.filter(({ filename }) => !modelFile.test(filename));
  const collected = await collectEntries(packed, workDir, rejections);
  try {
    const entries = [...(await Promise.all(loose.map(asEntry))), ...collected.entries];
    const kept = entries.flatMap((entry) => {
      const name = rename(entry.path);
      return name === null ? [] : [{ name, entry }];
    });
    const laid = await copyAll(kept, folder);
    if (laid.length > 0) return laid;
    const reason = rejections.mainReason();
    throw badData(
      `There is ${missing} in what was brought.${reason === undefined ? '' : ` ${reason}.`}`,
    );
  } finally {
    await collected.close();
    await rejections.close();
  }
}

async function asEntry({ path, filename }: PushedFile): Promise<Entry> {
  const { size } = await stat(path);
  return looseEntry(path, basename(filename.replaceAll('\\', '/').replaceAll('\0', '')), size);
}

async function copyAll(
  wanted: readonly { name: string; entry: Entry }[],
  folder: string,
): Promise<LaidOut[]> {
  const bytes = wanted.reduce((sum, { entry }) => sum + entry.size, 0);
  if (wanted.length > filesMax || bytes > bytesMax) {
    throw badData(
      `There are ${wanted.length} files of ${bytes} bytes: a model has at most ${filesMax} files of ${bytesMax / 1024 ** 3} GiB.`,
    );
  }
  const laid = new Map<string, LaidOut>();
  for (const { name, entry } of wanted) {
    if (laid.has(name)) throw badData(`There are two files called ${name.slice(0, 200)}.`);
    const path = join(folder, name);
    try {
      await mkdir(dirname(path), { recursive: true });
      await entry.copyTo(path);
      laid.set(name, { name, bytes: (await stat(path)).size, sha256: await sha256Of(path) });
    } catch (error) {
      if (error instanceof VandaError) throw badData(`${name.slice(0, 200)}: ${error.message}.`);
      const { code } = error as NodeJS.ErrnoException;
      const strange = ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'EINVAL', 'EILSEQ'];
      if (!strange.includes(code ?? '')) throw error;
      throw badData(`${name.slice(0, 200)} is no name that a file can have here.`);
    }
  }
  return [...laid.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
