import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';

const sampleBytes = 256 * 1024;

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * A text file as UTF-8 without its byte order mark. UTF-16 is known by its mark; a file that is
 * not UTF-8 is taken for Windows-1252, the usual one of spreadsheets, and a warning says so.
 */
export async function openText(
  path: string,
  label: string,
  rejections: Rejections,
): Promise<AsyncIterable<Buffer>> {
  const sample = await readStart(path, sampleBytes);
  const encoding = detectEncoding(sample);
  if (encoding === undefined) throw badData(`${label} is not text: it holds binary data.`);
  if (encoding === 'windows-1252') {
    rejections.warn(`${label} is not UTF-8; it was read as Windows-1252.`);
  }
  if (encoding !== 'utf-8') return transcode(path, encoding);
  const bomBytes = sample.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
  return createReadStream(path, { start: bomBytes, highWaterMark: 4 * 1024 ** 2 });
}

/** Undefined for what is not text. */
export function detectEncoding(sample: Buffer): TextEncoding | undefined {
  if (sample[0] === 0xff && sample[1] === 0xfe) return 'utf-16le';
  if (sample[0] === 0xfe && sample[1] === 0xff) return 'utf-16be';
  if (sample.includes(0)) return undefined;
  if (sample.filter(isControl).length > sample.length / 1000) return undefined;
  const shown = sample.toString('latin1');
  // The sample may end within a character of up to four bytes.
  for (let cut = 0; cut <= 3; cut++) {
    if (isUtf8(sample.subarray(0, sample.length - cut))) return 'utf-8';
  }
  // A few broken rows in a UTF-8 file are those rows' fault; decoded whole they would spoil all.
  const wide = shown.match(/[\xc2-\xf4][\x80-\xbf]/g)?.length ?? 0;
  const high = shown.match(/[\x80-\xff]/g)?.length ?? 0;
  if (wide * 2 > high / 2) return 'utf-8';
  return high < sample.length / 3 ? 'windows-1252' : undefined;
}

/** Neither a space of some kind nor an escape, which text does hold. */
function isControl(byte: number): boolean {
  return byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b;
}

async function* transcode(path: string, encoding: TextEncoding): AsyncIterable<Buffer> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) {
    yield Buffer.from(decoder.decode(chunk as Buffer, { stream: true }), 'utf8');
  }
  yield Buffer.from(decoder.decode(), 'utf8');
}

export async function readStart(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
