/**
 * Tar shards that exist as plans only: every byte of a shard can be computed from the list of files, so that any part
 * can be read, and read again after a failure, without a temporary file. The same files give the same bytes.
 */
export interface PackedFile {
  /** Inside the archive, with slashes. */
  name: string;
  path: string;
  size: number;
}
/** A stretch of the archive: bytes that are known, or a file's content. */
export type Segment = { start: number; end: number } & ({ bytes: Buffer } | { file: PackedFile });
export interface TarPlan {
  size: number;
  files: PackedFile[];
  segments: Segment[];
}

const blockBytes = 512;
const endBytes = 2 * blockBytes;

/** Distributes files over shards of at most `shardBytesMax`; a larger file has one to itself. */
export function planShards(files: PackedFile[], shardBytesMax: number): TarPlan[] {
  const shards: PackedFile[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const file of files) {
    const bytes = entryHead(file).length + padded(file.size);
    if (size + bytes + endBytes > shardBytesMax) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)?.push(file);
    size += bytes;
  }
  return shards.map(planTar);
}

function planTar(files: PackedFile[]): TarPlan {
  const segments: Segment[] = [];
  let at = 0;
  const add = (length: number, content: { bytes: Buffer } | { file: PackedFile }) => {
    if (length > 0) segments.push({ start: at, end: at + length, ...content });
    at += length;
  };
  for (const file of files) {
    const head = entryHead(file);
    add(head.length, { bytes: head });
    add(file.size, { file });
    const padding = padded(file.size) - file.size;
    add(padding, { bytes: Buffer.alloc(padding) });
  }
  add(endBytes, { bytes: Buffer.alloc(endBytes) });
  return { size: at, files, segments };
}

/** The header of one file; names that the old header cannot hold go before it in a pax header. */
function entryHead(file: PackedFile): Buffer {
  const plain = Buffer.byteLength(file.name) <= 100 && /^[\x20-\x7e]*$/.test(file.name);
  if (plain) return header(file.name, file.size, '0');
  const record = paxRecord('path', file.name);
  const padding = Buffer.alloc(padded(record.length) - record.length);
  const short = file.name.replace(/[^\x20-\x7e]/g, '_').slice(-100);
  return Buffer.concat([
    header('PaxHeader', record.length, 'x'),
    record,
    padding,
    header(short, file.size, '0'),
  ]);
}

/** `<length> key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function header(name: string, size: number, type: '0' | 'x'): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, 100, 'utf8');
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  writeSize(block, size);
  // No time of change: the same content must be the same bytes.
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Octal up to 8 GiB, binary above, as GNU tar writes it. */
function writeSize(block: Buffer, size: number): void {
  if (size < 8 ** 11) {
    block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  } else {
    block[124] = 0x80;
    block.writeUIntBE(size, 130, 6);
  }
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}
