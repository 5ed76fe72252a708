import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture, inspectPicture } from './decode-picture.ts';

const grey = Uint8Array.from({ length: 28 * 28 }, (_, index) => (index * 7) % 256);
const colour = Uint8Array.from({ length: 20 * 10 * 3 }, (_, index) => (index * 11) % 256);
/** Grey stays one channel only where sharp is told so. */
const png = (data: Uint8Array, width: number, height: number, channels: 1 | 3 | 4) =>
  sharp(data, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();

describe('decodePicture', () => {
  it('gives the very pixels of a grey PNG that has the right size', async () => {
    const file = await png(grey, 28, 28, 1);
    const pixels = await decodePicture(file, { size: 28, channels: 1 });
    expect(Buffer.compare(pixels, grey)).toBe(0);
  });

  it('gives the same for a file and for its pixels, whatever the size', async () => {
    for (const shape of [
      { size: 28, channels: 1 },
      { size: 13, channels: 1 },
      { size: 40, channels: 3 },
    ]) {
      const fromFile = await decodePicture(await png(grey, 28, 28, 1), shape);
      const raw = { data: grey, width: 28, height: 28, channels: 1 } as const;
      const fromPixels = await decodePicture(raw, shape);
      expect(fromPixels.length).toBe(shape.size ** 2 * shape.channels);
      expect(Buffer.compare(fromFile, fromPixels)).toBe(0);

      const colourFile = await decodePicture(await png(colour, 20, 10, 3), shape);
      const colourRaw = { data: colour, width: 20, height: 10, channels: 3 } as const;
      expect(Buffer.compare(colourFile, await decodePicture(colourRaw, shape))).toBe(0);
    }
  });

  it('lays transparency on white and repeats grey over three channels', async () => {
    const clear = await png(new Uint8Array(8 * 8 * 4), 8, 8, 4);
    expect(new Set(await decodePicture(clear, { size: 8, channels: 3 }))).toEqual(new Set([255]));
    const repeated = await decodePicture(await png(grey, 28, 28, 1), { size: 28, channels: 3 });
    expect([...repeated.slice(0, 6)]).toEqual([0, 0, 0, 7, 7, 7]);
  });

  it('takes a 16-bit PNG, a JPEG, a WebP and the first frame of a GIF', async () => {
    const base = sharp(grey, { raw: { width: 28, height: 28, channels: 1 } });
    const files = [
      await base.clone().toColourspace('grey16').png().toBuffer(),
      await base.clone().jpeg().toBuffer(),
      await base.clone().webp().toBuffer(),
      await base.clone().gif().toBuffer(),
    ];
    for (const file of files) {
      expect((await decodePicture(file, { size: 28, channels: 1 })).length).toBe(784);
    }
  });

  it('refuses what is no picture with a sentence', async () => {
    const refused = async (bytes: Uint8Array) =>
      await decodePicture(bytes, { size: 28, channels: 1 }).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused(Buffer.from('just text, renamed .png'))).toMatch(/not a picture/);
    expect(await refused(new Uint8Array(0))).toMatch(/not a picture|cannot be decoded/);
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
    expect(await refused(Buffer.from(svg))).toMatch(/not a picture/);
    const tiff = await sharp(colour, { raw: { width: 20, height: 10, channels: 3 } })
      .tiff()
      .toBuffer();
    expect(await refused(tiff)).toMatch(/not a picture/);
    const jpeg = await sharp(colour, { raw: { width: 20, height: 10, channels: 3 } })
      .jpeg()
      .toBuffer();
    expect(await refused(jpeg.subarray(0, jpeg.length / 2))).toMatch(/cannot be decoded/);
    expect(await refused(hugeHeader())).toMatch(/more than 268 million pixels/);
  });
});

describe('inspectPicture', () => {
  it('tells size, channels and format', async () => {
    expect(await inspectPicture(await png(grey, 28, 28, 1))).toEqual({
      width: 28,
      height: 28,
      channels: 1,
      format: 'png',
    });
    expect((await inspectPicture(await png(colour, 20, 10, 3))).channels).toBe(3);
  });

  it('refuses other formats and a header of too many pixels', async () => {
    const tiff = await sharp(colour, { raw: { width: 20, height: 10, channels: 3 } })
      .tiff()
      .toBuffer();
    await expect(inspectPicture(tiff)).rejects.toThrow(/tiff/);
    await expect(inspectPicture(hugeHeader())).rejects.toThrow(/more than 268 million pixels/);
  });
});

/** A PNG that claims 65,500 x 65,500 pixels and holds none. */
function hugeHeader(): Uint8Array {
  const header = Buffer.from('89504e470d0a1a0a0000000d494844520000ffdc0000ffdc0800000000', 'hex');
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(header.subarray(12)));
  return Buffer.concat([header, crc, Buffer.from('0000000049444154', 'hex')]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
