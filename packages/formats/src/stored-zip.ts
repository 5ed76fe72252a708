import type { Entry, ZipFile } from 'yauzl';
import yauzl from 'yauzl';
import { FormatError } from './format-error.ts';

const ENTRIES_MAX = 200_000;

/**
 * The entries of a zip archive by their names, as views of its own bytes: writers of models store entries as they are,
 * and one that is compressed is refused, so that no file unpacks to more than it is.
 */
export async function storedEntries(format: string, bytes: Buffer): Promise<Map<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const refuse = (field: string, sentence: string): never => {
    throw new FormatError(format, field.slice(0, 200), sentence);
  };
  try {
    const zip = await yauzl.fromBufferPromise(bytes);
    if (zip.entryCount > ENTRIES_MAX) refuse('archive', `has over ${ENTRIES_MAX} entries`);
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      if (entries.has(name)) refuse(name, 'is the name of two entries');
      if (entry.isEncrypted() || entry.isCompressed())
        refuse(name, 'is compressed or encrypted; entries must be stored as they are');
      entries.set(name, await contentOf(zip, entry, bytes));
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    refuse('archive', `is broken: ${error instanceof Error ? error.message : String(error)}`);
  }
  return entries;
}

async function contentOf(zip: ZipFile, entry: Entry, bytes: Buffer): Promise<Buffer> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry);
  const end = fileDataStart + entry.uncompressedSize;
  if (entry.uncompressedSize !== entry.compressedSize || end > bytes.byteLength)
    throw new Error(`'${entry.fileName.slice(0, 200)}' ends at byte ${end}, behind the file`);
  return bytes.subarray(fileDataStart, end);
}
