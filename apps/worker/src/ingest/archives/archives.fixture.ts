import { crc32, deflateRawSync } from 'node:zlib';

export const symlinkMode = 0o120777;

type Member = Buffer | { bytes: Buffer; mode?: number; claims?: number };

/** A zip written byte by byte, so that it can also hold what no decent tool would write. */
export function zipOf(files: Record<string, Member>): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [path, member] of Object.entries(files)) {
    const { bytes, mode = 0o100644, claims } = 'bytes' in member ? member : { bytes: member };
    const name = Buffer.from(path);
    const packed = deflateRawSync(bytes);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(0x800, 2);
    shared.writeUInt16LE(8, 4);
    shared.writeUInt32LE(crc32(bytes), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(claims ?? bytes.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, name, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    const made = Buffer.from([20, 3]);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), made, shared, tail, name]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(centrals.length, 8);
  end.writeUInt16LE(centrals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** The header of a PNG that claims 65,500 x 65,500 pixels, and nothing more. */
export function hugePng(): Buffer {
  const ihdr = Buffer.alloc(17);
  ihdr.write('IHDR');
  ihdr.writeUInt32BE(65_500, 4);
  ihdr.writeUInt32BE(65_500, 8);
  ihdr.set([8, 2, 0, 0, 0], 12);
  const length = Buffer.from([0, 0, 0, 13]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(ihdr));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), length, ihdr, sum]);
}
