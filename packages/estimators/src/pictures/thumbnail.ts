import sharp from 'sharp';
import { pixelsMax, type RawPicture } from './decode-picture.ts';

const side = 96;

/** A small WebP picture as a data URL: at most 96 pixels wide and high, turned by EXIF. */
export async function thumbnailOf(picture: Uint8Array | RawPicture): Promise<string> {
  const limits = { limitInputPixels: pixelsMax, pages: 1 } as const;
  const opened =
    picture instanceof Uint8Array
      ? sharp(picture, limits).autoOrient()
      : sharp(picture.data, {
          ...limits,
          raw: { width: picture.width, height: picture.height, channels: picture.channels },
        });
  const webp = await opened
    .resize(side, side, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 70 })
    .toBuffer();
  return `data:image/webp;base64,${webp.toString('base64')}`;
}
