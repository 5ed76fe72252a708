import { FormatError } from '../format-error.ts';
import { storedEntries } from '../stored-zip.ts';
import { FORMAT } from './byte-cursor.ts';

export interface Archive {
  readonly pickle: Buffer;
  storage(key: string): Buffer;
}

/** The archive that torch.save writes: NAME/data.pkl, NAME/data/KEY and a few more. */
export async function openArchive(bytes: Buffer): Promise<Archive> {
  const entries = await storedEntries(FORMAT, bytes);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle, ...more] = pickles;
  if (pickle === undefined || more.length > 0)
    throw new FormatError(
      FORMAT,
      'archive',
      `has ${pickles.length} entries NAME/data.pkl, not one`,
    );
  const folder = pickle.slice(0, -'data.pkl'.length);
  const find = (name: string): Buffer => {
    const entry = entries.get(folder + name);
    if (entry) return entry;
    throw new FormatError(FORMAT, (folder + name).slice(0, 200), 'the archive has no such entry');
  };
  const order = entries.get(`${folder}byteorder`)?.toString('latin1') ?? 'little';
  if (order !== 'little')
    throw new FormatError(
      FORMAT,
      `${folder}byteorder`,
      'the lowest byte of a number must be the first',
    );
  return { pickle: find('data.pkl'), storage: (key) => find(`data/${key}`) };
}
