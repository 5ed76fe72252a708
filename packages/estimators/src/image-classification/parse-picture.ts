import { VandaError } from '@vanda/contracts';
import type { RawPicture } from '../pictures/decode-picture.ts';

/** Rows or columns of a picture that is sent as numbers. */
const sideMax = 8192;

/**
 * Reads a request's picture: {"b64": "..."} (a JPEG, PNG, WebP or GIF) or nested lists of numbers from 0 to 255,
 * rows x columns (grey) or rows x columns x channels (1 or 3).
 */
export function parsePicture(instance: unknown, index: number): Uint8Array | RawPicture {
  if (Array.isArray(instance)) return parsePixels(instance, index);
  if (typeof instance === 'object' && instance !== null && Object.hasOwn(instance, 'b64')) {
    return parseBase64((instance as { b64: unknown }).b64, index);
  }
  throw pictureRefusal(index, 'must be {"b64": "<a JPEG or PNG file>"} or rows of pixels');
}

function parseBase64(text: unknown, index: number): Uint8Array {
  if (typeof text !== 'string') throw pictureRefusal(index, 'has a b64 that is not a text');
  const comma = text.startsWith('data:') ? text.indexOf(',') + 1 : 0;
  const bytes = Buffer.from(comma > 0 ? text.slice(comma) : text, 'base64');
  if (bytes.length === 0) throw pictureRefusal(index, 'has a b64 that is not base64 of a picture');
  return bytes;
}

function parsePixels(rows: unknown[], index: number): RawPicture {
  const height = rows.length;
  const first = rows[0];
  if (!Array.isArray(first) || first.length === 0) {
    throw pictureRefusal(index, 'must be rows x columns of numbers, or rows x columns x channels');
  }
  const width = first.length;
  if (height > sideMax || width > sideMax) {
    throw pictureRefusal(index, `has more than ${sideMax} rows or columns`);
  }
  const cell: unknown = first[0];
  const channels = Array.isArray(cell) ? cell.length : 1;
  if (channels !== 1 && channels !== 3) {
    throw pictureRefusal(index, `has ${channels} channels; grey is 1, RGB is 3`);
  }
  const nested = Array.isArray(cell);
  const data = new Uint8Array(height * width * channels);
  let at = 0;
  for (let row = 0; row < height; row++) {
    const columns = rows[row];
    if (!Array.isArray(columns) || columns.length !== width) {
      throw pictureRefusal(index, `, row ${row}: must have ${width} columns as row 0 has`);
    }
    for (let column = 0; column < width; column++) {
      const pixel: unknown = columns[column];
      const wrong = () =>
        pictureRefusal(
          index,
          `, row ${row}, column ${column}: must be ${nested ? `${channels} numbers` : 'a number'} from 0 to 255`,
        );
      if (!nested) {
        if (!isByte(pixel)) throw wrong();
        data[at++] = Math.round(pixel);
        continue;
      }
      if (!Array.isArray(pixel) || pixel.length !== channels) throw wrong();
      for (const value of pixel as unknown[]) {
        if (!isByte(value)) throw wrong();
        data[at++] = Math.round(value);
      }
    }
  }
  return { data, width, height, channels };
}

function isByte(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 255;
}

export function pictureRefusal(index: number, what: string): VandaError {
  const sentence = `Instance ${index}${/^[,:]/.test(what) ? '' : ' '}${what}.`;
  return new VandaError('invalid-request', sentence, [
    { pointer: `/instances/${index}`, message: sentence },
  ]);
}
