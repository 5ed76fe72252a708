import { VandaError } from '@vanda/contracts';
import sharp, { type Sharp } from 'sharp';

/** Pictures of more pixels are refused before anything of that size is allocated. It is sharp's own limit. */
export const pixelsMax = 0x3fff ** 2;

export interface PictureShape {
  /** Rows and columns of the result. */
  size: number;
  channels: number;
}
/** Pixels as they lie in memory: rows x columns x channels (1 grey, 3 RGB), a byte each. */
export interface RawPicture {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3;
}

/**
 * The one way from a picture to a network's pixels: in ingest's check, in training and in serving. Turns by EXIF,
 * lays transparency on white, takes the first frame, squeezes to size x size.
 *
 * @param picture An encoded file (JPEG, PNG, WebP, GIF) or raw pixels.
 * @returns size x size x channels bytes.
 * @throws VandaError 'bad-data' with a sentence about what is wrong with the picture.
 */
export async function decodePicture(
  picture: Uint8Array | RawPicture,
  { size, channels }: PictureShape,
): Promise<Uint8Array> {
  // Pixels that fit are what the way through the decoder would answer, too.
  if (!(picture instanceof Uint8Array) && fits(picture, size, channels)) return picture.data;
  if (picture instanceof Uint8Array && !isPictureFile(picture)) throw notAPicture();
  try {
    const resized = open(picture).flatten({ background: '#ffffff' }).resize(size, size, {
      fit: 'fill',
    });
    const { data, info } = await (channels === 1
      ? resized.greyscale().toColourspace('b-w')
      : resized.toColourspace('srgb')
    )
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels === channels) return data;
    return reshapeChannels(data, info.channels, channels);
  } catch (error) {
    throw new VandaError('bad-data', sentenceFor(error), undefined, { cause: error });
  }
}

function fits(picture: RawPicture, size: number, channels: number): boolean {
  return picture.width === size && picture.height === size && picture.channels === channels;
}

/**
 * JPEG, PNG, WebP and GIF by their first bytes. The decoder knows more formats, such as SVG, which are programs
 * rather than pixels: what ingest does not take, serving must not take either.
 */
function isPictureFile(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.length));
  const text = start.toString('latin1');
  return (
    text.startsWith('\xff\xd8\xff') ||
    text.startsWith('\x89PNG') ||
    text.startsWith('GIF8') ||
    (text.startsWith('RIFF') && text.endsWith('WEBP'))
  );
}

function notAPicture(): VandaError {
  return new VandaError('bad-data', 'It is not a picture; pictures are JPEG, PNG, WebP or GIF.');
}

export interface PictureFacts {
  width: number;
  height: number;
  /** 1 where the picture is grey. */
  channels: 1 | 3;
  format: 'jpeg' | 'png' | 'webp' | 'gif';
}

/**
 * Reads a picture's header only; the size is that after turning by EXIF.
 *
 * @throws VandaError 'bad-data' for what is not a JPEG, PNG, WebP or GIF, or has too many pixels.
 */
export async function inspectPicture(bytes: Uint8Array): Promise<PictureFacts> {
  let facts: Awaited<ReturnType<Sharp['metadata']>>;
  try {
    facts = await open(bytes).metadata();
  } catch (error) {
    throw new VandaError('bad-data', sentenceFor(error), undefined, { cause: error });
  }
  const { format, autoOrient, space } = facts;
  if (format !== 'jpeg' && format !== 'png' && format !== 'webp' && format !== 'gif') {
    throw new VandaError(
      'bad-data',
      `It is ${format ? `a ${format} file` : 'not a picture'}; pictures are JPEG, PNG, WebP or GIF.`,
    );
  }
  const { width, height } = autoOrient;
  if (width * height > pixelsMax) throw new VandaError('bad-data', tooManyPixels);
  return { width, height, channels: space === 'b-w' || space === 'grey16' ? 1 : 3, format };
}

function open(picture: Uint8Array | RawPicture): Sharp {
  const limits = { limitInputPixels: pixelsMax, failOn: 'error', pages: 1 } as const;
  if (picture instanceof Uint8Array) return sharp(picture, limits).autoOrient();
  const { data, width, height, channels } = picture;
  return sharp(data, { ...limits, raw: { width, height, channels } });
}

/** What sharp leaves in place of the wanted channels: a replicated grey, or grey beside alpha. */
function reshapeChannels(data: Uint8Array, from: number, to: number): Uint8Array {
  const pixels = data.length / from;
  const result = new Uint8Array(pixels * to);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < to; channel++) {
      result[pixel * to + channel] = data[pixel * from + Math.min(channel, from - 1)] ?? 0;
    }
  }
  return result;
}

const tooManyPixels = `The picture has more than ${Math.floor(pixelsMax / 1e6)} million pixels.`;

function sentenceFor(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/pixel limit|too large|exceeds/i.test(text)) return tooManyPixels;
  if (/unsupported image format|missing/i.test(text)) {
    return 'It is not a picture; pictures are JPEG, PNG, WebP or GIF.';
  }
  const reason = text.replaceAll(/\s+/g, ' ').replace(/[\s.:]+$/, '');
  return `The picture cannot be decoded: ${reason.slice(0, 160)}.`;
}
