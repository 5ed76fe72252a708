import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

interface Entry {
  name: string;
  bytes: bigint;
  crc: number;
  offset: bigint;
}

const zip64Bytes = 0xffffffffn;
/** 1980-01-01: the same model is the same archive, byte for byte. */
const dosDate = 0x0021;

/**
 * Writes a ZIP of files, stored without compression, since weights do not shrink (APPNOTE.TXT 6.3.10, sections 4.3.7,
 * 4.3.12, 4.3.14 to 4.3.16). Every entry carries ZIP64 sizes, so that weights over 4 GiB need no other path.
 */
export async function writeArchive(
  path: string,
  files: { name: string; path: string }[],
): Promise<void> {
  const out = await open(path, 'wx');
  try {
    let offset = 0n;
    const write = async (bytes: Buffer) => {
      await out.writeFile(bytes);
      offset += BigInt(bytes.length);
    };
    const entries: Entry[] = [];
    for (const file of files) {
      const { size } = await stat(file.path);
      const entry = {
        name: file.name,
        bytes: BigInt(size),
        crc: await checksum(file.path),
        offset,
      };
      entries.push(entry);
      await write(localHeader(entry));
      for await (const chunk of createReadStream(file.path)) await write(chunk as Buffer);
    }
    const start = offset;
    for (const entry of entries) await write(centralHeader(entry));
    await write(ending(entries.length, start, offset - start));
    await out.sync();
  } finally {
    await out.close();
  }
}

async function checksum(path: string): Promise<number> {
  let crc = 0;
  for await (const chunk of createReadStream(path)) crc = crc32(chunk as Buffer, crc);
  return crc;
}

function localHeader(entry: Entry): Buffer {
  const name = Buffer.from(entry.name);
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50, 0);
  head.writeUInt16LE(45, 4);
  head.writeUInt16LE(dosDate, 12);
  head.writeUInt32LE(entry.crc, 14);
  head.writeUInt32LE(Number(zip64Bytes), 18);
  head.writeUInt32LE(Number(zip64Bytes), 22);
  head.writeUInt16LE(name.length, 26);
  head.writeUInt16LE(20, 28);
  const extra = Buffer.alloc(20);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(16, 2);
  extra.writeBigUInt64LE(entry.bytes, 4);
  extra.writeBigUInt64LE(entry.bytes, 12);
  return Buffer.concat([head, name, extra]);
}

function centralHeader(entry: Entry): Buffer {
  const name = Buffer.from(entry.name);
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  head.writeUInt16LE(45, 4);
  head.writeUInt16LE(45, 6);
  head.writeUInt16LE(dosDate, 14);
  head.writeUInt32LE(entry.crc, 16);
  head.writeUInt32LE(Number(zip64Bytes), 20);
  head.writeUInt32LE(Number(zip64Bytes), 24);
  head.writeUInt16LE(name.length, 28);
  head.writeUInt16LE(28, 30);
  head.writeUInt32LE(Number(zip64Bytes), 42);
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(entry.bytes, 4);
  extra.writeBigUInt64LE(entry.bytes, 12);
  extra.writeBigUInt64LE(entry.offset, 20);
  return Buffer.concat([head, name, extra]);
}

function ending(count: number, start: bigint, bytes: bigint): Buffer {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(bytes, 40);
  record.writeBigUInt64LE(start, 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(start + bytes, 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(Number(zip64Bytes), 12);
  end.writeUInt32LE(Number(zip64Bytes), 16);
  return Buffer.concat([record, locator, end]);
}
