import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { FormatError } from '../format-error.ts';
import type { TensorProto } from './proto.ts';
import { bytesOfElement, checkedShape } from './tensor-data.ts';

/** TensorProto.data_location of a tensor whose bytes lie in another file. */
const EXTERNAL = 1;

export function isExternal(proto: TensorProto): boolean {
  return proto.dataLocation === EXTERNAL;
}

/**
 * The bytes of a tensor that lie in a file beside the model. The file is inside the model's folder by its true path: no
 * absolute path, no `..`, no symbolic link on the way, and no second name of a file that lies elsewhere.
 */
export async function readExternal(
  proto: TensorProto,
  field: string,
  folder: string | undefined,
): Promise<Uint8Array> {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  const at = `${field}.external_data`;
  if (folder === undefined) {
    const text = `lies in the file '${location}', and a model of bytes alone has no folder to read it from`;
    throw new FormatError('ONNX', at, text);
  }
  const needed = neededBytes(proto, field);
  const offset = wholeNumber(entries.get('offset') ?? '0', `${at}.offset`);
  const length = wholeNumber(entries.get('length') ?? String(needed), `${at}.length`);
  if (length !== needed) {
    throw new FormatError(
      'ONNX',
      `${at}.length`,
      `is ${length} where the shape needs ${needed} bytes`,
    );
  }
  const path = await pathInside(folder, location, `${at}.location`);
  return readPart(path, offset, length, at);
}

function neededBytes(proto: TensorProto, field: string): number {
  const shape = checkedShape(proto.dims, `${field}.dims`);
  return shape.reduce((product, dim) => product * dim, 1) * bytesOfElement(proto.dataType);
}

function wholeNumber(text: string, field: string): number {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new FormatError('ONNX', field, `'${text.slice(0, 40)}' is no whole number of bytes`);
}

async function pathInside(folder: string, location: string, field: string): Promise<string> {
  const refuse = (why: string) => new FormatError('ONNX', field, `'${location}' ${why}`);
  const parts = location.split(/[/\\]/);
  if (location === '' || location.includes('\0')) throw refuse('is no path');
  if (isAbsolute(location) || /^[\\/]|^[A-Za-z]:/.test(location))
    throw refuse('is an absolute path');
  if (parts.includes('..')) throw refuse('leaves the folder of the model');
  const root = await realpath(folder);
  const path = join(root, location);
  if (!path.startsWith(root + sep)) throw refuse('leaves the folder of the model');
  const real = await realpath(path).catch(() => {
    throw refuse('does not exist');
  });
  if (real !== path) throw refuse('is reached through a symbolic link');
  return path;
}

async function readPart(
  path: string,
  offset: number,
  length: number,
  field: string,
): Promise<Uint8Array> {
  // A link that took the file's place since its path was looked at is refused here.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new FormatError('ONNX', field, 'is no ordinary file');
    if (info.nlink > 1) {
      throw new FormatError('ONNX', field, 'is a hard link: the file has another name elsewhere');
    }
    if (offset + length > info.size) {
      const text = `asks for bytes ${offset} to ${offset + length} of a file of ${info.size}`;
      throw new FormatError('ONNX', field, text);
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new FormatError('ONNX', field, 'the file ended while it was read');
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
