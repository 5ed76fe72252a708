import { FormatError } from '../format-error.ts';
import type { NamedTensors } from '../imported-network.ts';
import { readModelFile } from '../read-file.ts';
import { openArchive } from './archive.ts';
import { ByteCursor, FORMAT } from './byte-cursor.ts';
import { collectTensors } from './collect-tensors.ts';
import type { Storage } from './globals.ts';
import { StorageClass } from './globals.ts';
import { readPickle } from './pickle.ts';
import { ELEMENT_BYTES } from './stored-numbers.ts';
import { valueText } from './value-text.ts';

/** Of torch/serialization.py, as the pickle of a long number. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;

/**
 * The tensors of a file that torch.save wrote, by their names: a state dict, or a checkpoint that holds one or more, as
 * a zip archive or as the stream that torch wrote before 1.6. Floats become f32, short integers i32, strides are
 * followed. Nothing of the file is run: see pickle.ts and globals.ts for all that it may say.
 */
export async function readStateDict(file: string): Promise<NamedTensors> {
  return await readStateDictOf(await readModelFile(FORMAT, file));
}

/** The same of the file's bytes. */
export async function readStateDictOf(bytes: Buffer): Promise<NamedTensors> {
  try {
    if (bytes.byteLength >= 4 && bytes.readUInt32LE() === 0x04034b50)
      return await readArchive(bytes);
    if (bytes.byteLength >= 2 && bytes[0] === 0x80) return readLegacy(bytes);
  } catch (error) {
    // A dict of over 16 million items, say, is more than the language holds.
    if (!(error instanceof RangeError)) throw error;
    throw new FormatError(FORMAT, 'file', `has what is too large: ${error.message}`);
  }
  throw new FormatError(FORMAT, 'file', 'is neither a zip archive nor a stream of torch.save');
}

async function readArchive(bytes: Buffer): Promise<NamedTensors> {
  const archive = await openArchive(bytes);
  const root = readPickle(new ByteCursor(archive.pickle), storageOf);
  return collectTensors(root, ({ key }) => archive.storage(key), bytes.byteLength);
}

/** Pickles of a magic number, a protocol, the system and the dict; then the keys of storages and their bytes. */
function readLegacy(bytes: Buffer): NamedTensors {
  const cursor = new ByteCursor(bytes);
  const none = () => cursor.fail('a storage comes too early');
  if (readPickle(cursor, none) !== LEGACY_MAGIC)
    cursor.fail('the magic number of torch.save is missing');
  const protocol = readPickle(cursor, none);
  if (protocol !== LEGACY_PROTOCOL) cursor.fail(`the protocol is ${valueText(protocol)}, not 1001`);
  const system = readPickle(cursor, none);
  const littleEndian = system instanceof Map && system.get('little_endian') === true;
  if (!littleEndian) cursor.fail('the file was not written with the lowest byte first');
  const storages = new Map<string, Storage>();
  const root = readPickle(cursor, (id, at) => {
    const storage = storageOf(id, at);
    const known = storages.get(storage.key) ?? storage;
    storages.set(storage.key, known);
    if (known.type !== storage.type || known.elements !== storage.elements)
      at.fail(`the storage '${storage.key}' is said to be two things`);
    return known;
  });
  const keys = readPickle(cursor, none);
  if (!Array.isArray(keys)) cursor.fail('the list of storages is missing');
  const stored = new Map<string, Buffer>();
  for (const key of keys as unknown[]) {
    const storage = storages.get(valueText(key));
    if (!storage || stored.has(storage.key))
      return cursor.fail(`no tensor has a storage '${valueText(key)}', or two have`);
    const elements = cursor.u64();
    if (elements !== storage.elements)
      cursor.fail(`the storage '${storage.key}' has ${elements} elements, not ${storage.elements}`);
    stored.set(storage.key, cursor.take(elements * ELEMENT_BYTES[storage.type]));
  }
  const bytesOf = ({ key }: Storage) =>
    stored.get(key) ?? cursor.fail(`the storage '${key}' is missing`);
  return collectTensors(root, bytesOf, bytes.byteLength);
}

/** ('storage', torch.FloatStorage, key, place, elements), with None for views behind it in old files. */
function storageOf(id: unknown, cursor: ByteCursor): Storage {
  const [kind, type, key, , elements, view] = Array.isArray(id) ? id : [];
  if (kind !== 'storage' || !(type instanceof StorageClass) || typeof key !== 'string')
    return cursor.fail('a persistent id names what is no storage');
  if (typeof elements !== 'number' || !Number.isSafeInteger(elements) || elements < 0)
    return cursor.fail(`a storage has ${valueText(elements).slice(0, 40)} elements`);
  if (view !== undefined && view !== null)
    return cursor.fail('a storage that is a part of another cannot be taken');
  return { type: type.type, key, elements };
}
