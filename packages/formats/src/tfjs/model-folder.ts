import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../format-error.ts';
import { JsonField } from '../json-field.ts';
import { shardNames } from './weight-manifest.ts';

const FORMAT = 'TFJS';
const JSON_BYTES_MAX = 256 * 2 ** 20;
const WEIGHT_BYTES_MAX = 4 * 2 ** 30;

/** model.json of a folder, parsed, and the shards that it names, one after the other: plain files beside it alone. */
export async function readTfjsFolder(
  folder: string,
): Promise<{ modelJson: unknown; weightBytes: Uint8Array }> {
  const text = await readPlainFile(folder, 'model.json', JSON_BYTES_MAX);
  const modelJson = parsed(text);
  const shards: Buffer[] = [];
  let left = WEIGHT_BYTES_MAX;
  for (const name of shardNames(new JsonField(FORMAT, '', modelJson).get('weightsManifest'))) {
    const shard = await readPlainFile(folder, name, left);
    left -= shard.byteLength;
    shards.push(shard);
  }
  return { modelJson, weightBytes: Buffer.concat(shards) };
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    throw new FormatError(FORMAT, 'model.json', 'is not JSON');
  }
}

/** A link is not followed: it might lead out of the folder. */
async function readPlainFile(folder: string, name: string, bytesMax: number): Promise<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(join(folder, name), flags).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ELOOP' ? 'is a link' : 'cannot be opened';
    throw new FormatError(FORMAT, name, `${reason}; it must be a file beside model.json`);
  });
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new FormatError(FORMAT, name, 'is no file');
    if (info.size > bytesMax) throw new FormatError(FORMAT, name, `has over ${bytesMax} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
