import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ColumnType, VandaError } from '@vanda/contracts';
import { type Feeds, tensor } from '@vanda/engine';
import { readExtra } from './artifact.ts';
import { decodePicture, type PictureShape } from './pictures/decode-picture.ts';
import { readShards } from './pictures/read-shards.ts';
import { openDuckDb } from './table/duckdb.ts';
import { RowEncoder, tableFeeds } from './table/encode.ts';
import type { FeatureRule, TablePreprocessing } from './table/preprocessing.ts';
import { scanTable } from './table/scan.ts';

export interface SampleInputs {
  /** By the names of the network's inputs, as a request would make them; rows beside each other. */
  feeds: Feeds;
  items: number;
}

/**
 * What a model's network is fed for the first items of a data set's file: to compare two forms of one network, to time
 * them, to find the ranges of its numbers.
 *
 * @param itemsMax At most so many; fewer where the file has fewer.
 */
export async function sampleInputs(
  artifactFolder: string,
  dataFile: string,
  itemsMax: number,
): Promise<SampleInputs> {
  const model = JSON.parse(await readFile(join(artifactFolder, 'model.json'), 'utf8'));
  const { signature, preprocessing } = readExtra(model.extra);
  return signature.input.kind === 'picture'
    ? await samplePictures(signature.input, dataFile, itemsMax)
    : await sampleRows(preprocessing ?? { features: [] }, dataFile, itemsMax);
}

async function samplePictures(
  shape: PictureShape,
  dataFile: string,
  itemsMax: number,
): Promise<SampleInputs> {
  const pixels: Uint8Array[] = [];
  for await (const { picture } of readShards([dataFile])) {
    pixels.push(await decodePicture(picture, shape));
    if (pixels.length === itemsMax) break;
  }
  if (pixels.length === 0) throw nothing();
  const { size, channels } = shape;
  const image = tensor(Buffer.concat(pixels), [pixels.length, size, size, channels]);
  return { feeds: { image }, items: pixels.length };
}

async function sampleRows(
  preprocessing: TablePreprocessing,
  dataFile: string,
  itemsMax: number,
): Promise<SampleInputs> {
  const encoder = new RowEncoder(preprocessing);
  const columns = preprocessing.features.map((rule) => ({ name: rule.name, type: typeOf(rule) }));
  const database = await openDuckDb({ threads: 1 });
  try {
    for await (const { count, columns: values } of scanTable(database, [dataFile], columns)) {
      const items = Math.min(count, itemsMax);
      const encoded = encoder.allocate(items);
      for (const [feature, column] of values.entries()) {
        for (let row = 0; row < items; row++) {
          encoder.encode(feature, column[row] ?? null, row, encoded);
        }
      }
      return { feeds: tableFeeds(encoder, encoded, items), items };
    }
  } finally {
    database.close();
  }
  throw nothing();
}

function typeOf(rule: FeatureRule): ColumnType {
  if (rule.kind === 'category') return 'text';
  if (rule.kind === 'date') return rule.time ? 'timestamp' : 'date';
  return rule.kind;
}

function nothing(): VandaError {
  return new VandaError('bad-data', 'The data set of this model has no items to compare with.');
}
