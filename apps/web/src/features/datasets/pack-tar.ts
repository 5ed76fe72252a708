import type { DroppedFile } from '../../ui/dropped-files.ts';

const blockBytes = 512;
const encoder = new TextEncoder();

/**
 * Tar shards of at most about `shardBytes` each. The blobs only point at the files, so that packing
 * a folder of any size takes no memory; the bytes are read while they are sent.
 */
export function packTar(files: DroppedFile[], shardBytes = 256 * 2 ** 20): Blob[] {
  const shards: Blob[] = [];
  let parts: BlobPart[] = [];
  let size = 0;
  const close = () => {
    if (parts.length === 0) return;
    shards.push(
      new Blob([...parts, new Uint8Array(2 * blockBytes)], { type: 'application/x-tar' }),
    );
    parts = [];
    size = 0;
  };
  for (const { path, file } of files) {
    if (size > 0 && size + file.size > shardBytes) close();
    const head = headersOf(path, file.size);
    const padding = (blockBytes - (file.size % blockBytes)) % blockBytes;
    parts.push(...head, file, new Uint8Array(padding));
    size += head.length * blockBytes + file.size + padding;
  }
  close();
  return shards;
}

/** A ustar header; a name that does not fit its 100 bytes goes before it as a pax record. */
function headersOf(path: string, size: number): Uint8Array<ArrayBuffer>[] {
  const name = encoder.encode(path);
  if (name.length <= 100) return [header(name, size, '0')];
  const record = paxRecord(path);
  const padded = new Uint8Array(Math.ceil(record.length / blockBytes) * blockBytes);
  padded.set(record);
  return [
    header(encoder.encode('pax'), record.length, 'x'),
    padded,
    header(name.slice(0, 100), size, '0'),
  ];
}

/** "LENGTH path=VALUE\n", where LENGTH counts itself. */
function paxRecord(path: string): Uint8Array<ArrayBuffer> {
  const rest = encoder.encode(` path=${path}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return encoder.encode(`${length} path=${path}\n`);
}

function header(name: Uint8Array, size: number, type: '0' | 'x'): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(blockBytes);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  block.set(name, 0);
  put('0000644\0', 100);
  put('0000000\0', 108);
  put('0000000\0', 116);
  put(`${size.toString(8).padStart(11, '0')}\0`, 124);
  put('00000000000\0', 136);
  put('        ', 148);
  put(type, 156);
  put('ustar\0', 257);
  put('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
