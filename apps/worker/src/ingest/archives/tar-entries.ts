import { createReadStream, createWriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Rejections } from '../rejections.ts';
import { UnfoldBudget } from './archive-limits.ts';
import { type Entry, isLitter, isUnsafePath, tidyPath } from './entry.ts';

const block = 512;
const metaBytesMax = 1024 ** 2;

/**
 * The regular files of a tar (POSIX ustar, pax and GNU long names) without unpacking it: each is
 * read at its place when it is wanted. Symbolic links and devices are rejected, one by one.
 */
export async function tarEntries(
  archive: FileHandle,
  file: string,
  label: string,
  rejections: Rejections,
): Promise<Entry[]> {
  const { size: total } = await archive.stat();
  const budget = new UnfoldBudget(label, total);
  const entries: Entry[] = [];
  const byName = new Map<string, TarEntry>();
  const from = { handle: archive, file };
  let override: { path?: string; size?: number } = {};
  for (let at = 0; at + block <= total; ) {
    const header = await readAt(archive, at, block);
    if (header.every((byte) => byte === 0)) break;
    if (!checksumHolds(header)) {
      rejections.add(`${label}, at byte ${at}`, 'The archive is damaged from here on');
      break;
    }
    budget.entry();
    const type = String.fromCharCode(header[156] ?? 0);
    const size = override.size ?? readNumber(header.subarray(124, 136));
    const dataAt = at + block;
    at = dataAt + Math.ceil(size / block) * block;
    if (type === 'x' || type === 'L') {
      const data = await readAt(archive, dataAt, Math.min(size, metaBytesMax));
      override =
        type === 'x' ? { ...override, ...readPax(data) } : { ...override, path: cString(data) };
      continue;
    }
    if (type === 'g' || type === 'K') continue;
    const given = override.path ?? ustarPath(header);
    override = {};
    const path = tidyPath(given);
    if (type === '5' || given.endsWith('/') || isLitter(path)) continue;
    const shown = `${label}: ${given}`;
    // A hard link names an earlier entry of this archive and nothing else: it is that file again.
    const linked =
      type === '1' ? byName.get(tidyPath(cString(header.subarray(157, 257)))) : undefined;
    if (linked === undefined && type !== '0' && type !== '\0' && type !== '7') {
      rejections.add(shown, typeReason(type));
    } else if (isUnsafePath(given.replaceAll('\\', '/'))) {
      rejections.add(shown, 'The path leads out of the archive');
    } else if (linked !== undefined) {
      budget.bytes(linked.size);
      entries.push(linked.renamed(path));
    } else if (dataAt + size > total) {
      rejections.add(shown, 'The archive ends within this file');
    } else {
      const entry = new TarEntry(from, path, dataAt, size);
      entries.push(entry);
      byName.set(path, entry);
    }
  }
  return entries;
}

type Archive = { handle: FileHandle; file: string };

/** A class and not closures: there may be a million of them. */
class TarEntry implements Entry {
  readonly path: string;
  readonly size: number;
  readonly #archive: Archive;
  readonly #dataAt: number;

  constructor(archive: Archive, path: string, dataAt: number, size: number) {
    this.#archive = archive;
    this.path = path;
    this.#dataAt = dataAt;
    this.size = size;
  }

  renamed(path: string): TarEntry {
    return new TarEntry(this.#archive, path, this.#dataAt, this.size);
  }

  read(): Promise<Buffer> {
    return readAt(this.#archive.handle, this.#dataAt, this.size);
  }

  start(bytes: number): Promise<Buffer> {
    return readAt(this.#archive.handle, this.#dataAt, Math.min(bytes, this.size));
  }

  async copyTo(target: string): Promise<void> {
    if (this.size === 0) return pipeline([], createWriteStream(target));
    const [start, end] = [this.#dataAt, this.#dataAt + this.size - 1];
    await pipeline(createReadStream(this.#archive.file, { start, end }), createWriteStream(target));
  }
}

async function readAt(archive: FileHandle, at: number, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await archive.read(buffer, done, size - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

/** Octal text, or big-endian binary where the first bit is set. */
function readNumber(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) return Number(field.readBigUInt64BE(field.length - 8));
  const text = cString(field).trim();
  return text === '' ? 0 : Number.parseInt(text, 8) || 0;
}

function checksumHolds(header: Buffer): boolean {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 0x20 : (header[i] ?? 0);
  return sum === readNumber(header.subarray(148, 156));
}

function ustarPath(header: Buffer): string {
  const name = cString(header.subarray(0, 100));
  const isUstar = header.toString('latin1', 257, 262) === 'ustar';
  const prefix = isUstar ? cString(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Records "LENGTH key=value\n", where the length counts itself and the line end. */
function readPax(data: Buffer): { path?: string; size?: number } {
  const result: { path?: string; size?: number } = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, space));
    if (space === -1 || !Number.isInteger(length) || length <= 0) break;
    const record = data.toString('utf8', space + 1, at + length - 1);
    if (record.startsWith('path=')) result.path = record.slice(5);
    if (record.startsWith('size=')) result.size = Number(record.slice(5)) || 0;
    at += length;
  }
  return result;
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

function typeReason(type: string): string {
  return type === '1' || type === '2'
    ? 'It is a link: links in archives are not followed'
    : 'It is not a regular file';
}
