import { createHash } from 'node:crypto';
import { type DatasetPreview, identityOf } from '@vanda/contracts';
import type { ItemDescriber } from '../predictions/answers.ts';
import { inspectPicture } from './decode-picture.ts';
import { OpenShards, type PicturePlaces } from './picture-places.ts';
import { readBytes, readPictureAt } from './read-shards.ts';
import { thumbnailOf } from './thumbnail.ts';

type Pictures = Extract<DatasetPreview, { kind: 'images' }>['pictures'];

/** Thumbnails together; where pictures are so many or so large, there are fewer of them. */
const thumbnailBytesMax = 4 * 1024 ** 2;
/** Pictures that are read or made small at the same time. */
const atOnce = 8;

/** A picture is the same one where its bytes are the same, whatever it is called and in whatever folder it lies. */
export function pictureDescriber(places: PicturePlaces): ItemDescriber {
  return {
    async identities({ rows }, signal) {
      const identities = new Float64Array(rows.length);
      await withShards(async (shards) => {
        for (let from = 0; from < rows.length; from += atOnce) {
          signal.throwIfAborted();
          const part = Array.from(rows.subarray(from, from + atOnce));
          const found = await Promise.all(
            part.map(async (row) => {
              const { file, offset, bytes } = places.get(row);
              const picture = await readBytes(await shards.get(file), offset, bytes);
              return identityOf(createHash('sha256').update(picture).digest());
            }),
          );
          identities.set(found, from);
        }
      });
      return identities;
    },
    async examples(rows, signal) {
      const pictures: Pictures = [];
      let bytes = 0;
      await withShards(async (shards) => {
        for (let from = 0; from < rows.length && bytes < thumbnailBytesMax; from += atOnce) {
          signal.throwIfAborted();
          const part = rows.slice(from, from + atOnce);
          const shown = await Promise.all(
            part.map(async (row) => {
              const { file, ...place } = places.get(row);
              return exampleOf(await readPictureAt(await shards.get(file), place));
            }),
          );
          pictures.push(...shown);
          for (const { thumbnail } of shown) bytes += thumbnail.length;
        }
      });
      return { kind: 'images', pictures };
    },
  };
}

async function exampleOf({
  picture,
  label,
  name,
}: Awaited<ReturnType<typeof readPictureAt>>): Promise<Pictures[number]> {
  const facts = picture instanceof Uint8Array ? await inspectPicture(picture) : picture;
  const { width, height } = facts;
  return { label, name, width, height, thumbnail: await thumbnailOf(picture) };
}

async function withShards(work: (shards: OpenShards) => Promise<void>): Promise<void> {
  const shards = new OpenShards();
  try {
    await work(shards);
  } finally {
    await shards.close();
  }
}
