import { open } from 'node:fs/promises';
import type { ImagesProfile } from '@vanda/contracts';
import { badData } from '../bad-data.ts';
import { type IdxFile, type IdxPair, idxDataAt, pairIdx } from './idx.ts';
import type { ImagesIngest } from './ingest-pictures.ts';
import { PictureTally } from './picture-tally.ts';
import { ShardWriter } from './shard-writer.ts';

const batchItems = 1024;

/**
 * Pairs of IDX files. Their pixels are kept as they are, as PGM or PPM, which lose nothing and are
 * read back without decoding.
 */
export async function ingestIdx(
  files: readonly IdxFile[],
  task: Omit<ImagesIngest, 'entries'>,
): Promise<ImagesProfile> {
  const pairs = pairIdx(files);
  const total = pairs.reduce((sum, { images }) => sum + (images.dimensions[0] ?? 0), 0);
  const shards = new ShardWriter(task.folder, task.sink);
  const tally = new PictureTally(10);
  let done = 0;
  for (const pair of pairs) {
    await takePair(pair, task, shards, tally, (items) => {
      done += items;
      task.onProgress(5 + Math.floor((85 * done) / Math.max(1, total)), 'Reading pictures');
    });
  }
  const stored = await shards.end();
  if (shards.items === 0)
    throw badData(`No picture could be taken. ${task.rejections.mainReason()}`);
  const preview = tally.preview();
  return tally.profile(stored, await task.sink.json(preview, preview.pictures.length));
}

async function takePair(
  { images, labels, split }: IdxPair,
  task: Omit<ImagesIngest, 'entries'>,
  shards: ShardWriter,
  tally: PictureTally,
  onItems: (count: number) => void,
): Promise<void> {
  const [count = 0, height = 0, width = 0, depth = 1] = images.dimensions;
  const channels = depth === 1 ? 1 : depth === 3 ? 3 : undefined;
  if (channels === undefined) {
    throw badData(`${images.name} has ${depth} values for each pixel; pictures have 1 or 3.`);
  }
  if (count !== labels.dimensions[0]) {
    throw badData(
      `${images.name} has ${count} pictures and ${labels.name} ${labels.dimensions[0]} labels: ` +
        'they do not belong together.',
    );
  }
  const shape = { width, height, channels } as const;
  const head = Buffer.from(`P${channels === 1 ? 5 : 6}\n${width} ${height}\n255\n`, 'latin1');
  const source = await open(images.path, 'r');
  const labelSource = await open(labels.path, 'r');
  try {
    for (let first = 0; first < count; first += batchItems) {
      task.signal?.throwIfAborted();
      const items = Math.min(batchItems, count - first);
      const pixels = Buffer.alloc(items * images.itemBytes);
      const classes = Buffer.alloc(items);
      const at = idxDataAt(images) + first * images.itemBytes;
      const read = await source.read(pixels, 0, pixels.length, at);
      const readLabels = await labelSource.read(classes, 0, items, idxDataAt(labels) + first);
      for (let i = 0; i < items; i++) {
        const name = `${images.name.replace(/\.gz$/i, '')}#${first + i}`;
        if ((i + 1) * images.itemBytes > read.bytesRead || i >= readLabels.bytesRead) {
          task.rejections.add(name, 'The file ends before this picture');
          continue;
        }
        const bytes = pixels.subarray(i * images.itemBytes, (i + 1) * images.itemBytes);
        const label = String(classes[i]);
        const extension = channels === 1 ? 'pgm' : 'ppm';
        await shards.add({ bytes: Buffer.concat([head, bytes]), extension, label, split, name });
        await tally.add({ label, split, name, ...shape }, { data: bytes, ...shape });
      }
      onItems(items);
    }
  } finally {
    await source.close();
    await labelSource.close();
  }
}
