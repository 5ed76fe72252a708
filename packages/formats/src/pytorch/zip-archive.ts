import type { Entry, ZipFile } from 'yauzl';
import yauzl from 'yauzl';
import { FormatError } from '../format-error.ts';
import { FORMAT } from './byte-cursor.ts';

const ENTRIES_MAX = 200_000;

export interface Archive {
  readonly pickle: Buffer;
  storage(key: string): Buffer;
}

/**
 * The archive that torch.save writes: NAME/data.pkl, NAME/data/KEY and a few more. Entries are views of the file's own
 * bytes: torch compresses none, and one that is compressed is refused, so that no file unpacks to more than it is.
 */
export async function openArchive(bytes: Buffer): Promise<Archive> {
  const entries = await entriesOf(bytes);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle, ...more] = pickles;
  if (pickle === undefined || more.length > 0)
    throw new FormatError(
      FORMAT,
      'archive',
      `has ${pickles.length} entries NAME/data.pkl, not one`,
    );
  const folder = pickle.slice(0, -'data.pkl'.length);
  const find = (name: string) =>
    entries.get(folder + name) ?? refuse(folder + name, 'the archive has no such entry');
  const order = entries.get(`${folder}byteorder`)?.toString('latin1') ?? 'little';
  if (order !== 'little')
    refuse(`${folder}byteorder`, 'the file was not written with the lowest byte first');
  return { pickle: find('data.pkl'), storage: (key) => find(`data/${key}`) };
}

async function entriesOf(bytes: Buffer): Promise<Map<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  try {
    const zip: ZipFile = await yauzl.fromBufferPromise(bytes);
    if (zip.entryCount > ENTRIES_MAX) refuse('archive', `has over ${ENTRIES_MAX} entries`);
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      if (entries.has(name)) refuse(name, 'is the name of two entries');
      entries.set(name, await contentOf(zip, entry, bytes));
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    refuse('archive', `is broken: ${error instanceof Error ? error.message : String(error)}`);
  }
  return entries;
}

async function contentOf(zip: ZipFile, entry: Entry, bytes: Buffer): Promise<Buffer> {
  const { fileName, uncompressedSize: size } = entry;
  if (entry.isEncrypted() || entry.isCompressed())
    refuse(fileName, 'is compressed or encrypted; torch.save stores entries as they are');
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry);
  const end = fileDataStart + size;
  if (size !== entry.compressedSize || end > bytes.byteLength)
    refuse(fileName, `ends at byte ${end}, behind the file`);
  return bytes.subarray(fileDataStart, end);
}

function refuse(field: string, sentence: string): never {
  throw new FormatError(FORMAT, field.slice(0, 200), sentence);
}
