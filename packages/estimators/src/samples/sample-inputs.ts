import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ColumnType, type ModelSignature, VandaError } from '@vanda/contracts';
import { type Feeds, loadArtifact, tensor } from '@vanda/engine';
import { readExtra } from '../artifact.ts';
import { madeUpInputs } from '../imported/made-up-inputs.ts';
import { decodePicture, type PictureShape } from '../pictures/decode-picture.ts';
import { readShards } from '../pictures/read-shards.ts';
import type { SplitName } from '../splits/assign-splits.ts';
import { type DuckDb, openDuckDb } from '../table/duckdb.ts';
import { RowEncoder, tableFeeds } from '../table/encode.ts';
import type { FeatureRule, TablePreprocessing } from '../table/preprocessing.ts';
import { labelOf } from '../table/read-target.ts';
import { type ScannedColumn, scanTable } from '../table/scan.ts';
import { chooseItems, type SampledFile } from './choose-items.ts';

export type { SampledFile } from './choose-items.ts';

/** Where the items come from. */
export interface SampleSource {
  /** All files of the data set, or some. */
  files: readonly SampledFile[];
  /** Parquet: which item was in which split when the model was trained; null where that is gone. */
  splits: string | null;
  /** Of a table: the column that the model predicts. */
  target: { name: string; type: ColumnType } | null;
}

export interface SampleInputs {
  /** By the names of the network's inputs, as a request would make them; rows beside each other. */
  feeds: Feeds;
  items: number;
  /** The label of each item, as a place in the signature's; -1 where it is none of them. Null for numbers. */
  classes: Int32Array | null;
  /** The split that the items are of; null where nobody knows. */
  split: SplitName | null;
}

const madeUpItems = 32;

/**
 * What a model's network is fed for items of its validation split: to compare two forms of one network, to time them,
 * to find the ranges of its numbers.
 *
 * @param source null where the model was imported: its data are made up.
 * @param itemsMax At most so many, evenly spread over the split; fewer where it has fewer.
 */
export async function sampleInputs(
  artifactFolder: string,
  source: SampleSource | null,
  itemsMax: number,
): Promise<SampleInputs> {
  if (source === null) return made(artifactFolder, itemsMax);
  const model = JSON.parse(await readFile(join(artifactFolder, 'model.json'), 'utf8'));
  const { signature, preprocessing } = readExtra(model.extra);
  const database = await openDuckDb({ threads: 1 });
  try {
    const { rows, split } = await chooseItems(database, source.files, source.splits, itemsMax);
    if (rows.length === 0) throw nothing();
    const sampled =
      signature.input.kind === 'picture'
        ? await samplePictures(signature.input, source.files, rows)
        : await sampleRows(database, preprocessing ?? { features: [] }, source, rows);
    return { ...sampled, classes: classesOf(signature, sampled.labels), split };
  } finally {
    database.close();
  }
}

/** Made-up rows; one alone where the network does not take them together. */
async function made(artifactFolder: string, itemsMax: number): Promise<SampleInputs> {
  const artifact = await loadArtifact(artifactFolder, { threads: 1 });
  try {
    const items = readExtra(artifact.extra).batched === false ? 1 : Math.min(itemsMax, madeUpItems);
    const feeds = madeUpInputs(artifact.signatures.predict?.inputs ?? {}, items);
    return { feeds, items, classes: null, split: null };
  } finally {
    artifact.close();
  }
}

interface Sampled {
  feeds: Feeds;
  items: number;
  labels: (string | null)[];
}

function classesOf({ output }: ModelSignature, labels: (string | null)[]): Int32Array | null {
  if (output.kind !== 'classes') return null;
  const places = new Map(output.labels.map((label, place) => [label, place]));
  return Int32Array.from(labels, (label) => (label === null ? -1 : (places.get(label) ?? -1)));
}

async function samplePictures(
  shape: PictureShape,
  files: readonly SampledFile[],
  rows: readonly number[],
): Promise<Sampled> {
  const pixels: Uint8Array[] = [];
  const labels: string[] = [];
  for (const { path, wanted, last } of wantedOf(files, rows)) {
    let item = 0;
    for await (const { picture, label } of readShards([path])) {
      if (wanted.has(item)) {
        pixels.push(await decodePicture(picture, shape));
        labels.push(label);
      }
      if (item === last) break;
      item++;
    }
  }
  const { size, channels } = shape;
  const image = tensor(Buffer.concat(pixels), [pixels.length, size, size, channels]);
  return { feeds: { image }, items: pixels.length, labels };
}

async function sampleRows(
  database: DuckDb,
  preprocessing: TablePreprocessing,
  { files, target }: SampleSource,
  rows: readonly number[],
): Promise<Sampled> {
  const encoder = new RowEncoder(preprocessing);
  const features: ScannedColumn[] = preprocessing.features.map((rule) => {
    return { name: rule.name, type: typeOf(rule) };
  });
  const columns = target === null ? features : [...features, target];
  const encoded = encoder.allocate(rows.length);
  const labels: (string | null)[] = [];
  for (const { path, wanted } of wantedOf(files, rows)) {
    for await (const { from, count, columns: values } of scanTable(database, [path], columns)) {
      for (let row = 0; row < count; row++) {
        if (!wanted.has(from + row)) continue;
        for (const feature of features.keys()) {
          encoder.encode(feature, values[feature]?.[row] ?? null, labels.length, encoded);
        }
        labels.push(target && labelOf(target, values[features.length]?.[row] ?? null));
      }
    }
  }
  return { feeds: tableFeeds(encoder, encoded, rows.length), items: rows.length, labels };
}

/** For each file that has any the items that are wanted, as numbers within the file. */
function wantedOf(files: readonly SampledFile[], rows: readonly number[]) {
  return files.flatMap(({ path, from, items }) => {
    const own = rows.filter((row) => row >= from && row < from + items).map((row) => row - from);
    return own.length === 0 ? [] : [{ path, wanted: new Set(own), last: own.at(-1) ?? 0 }];
  });
}

function typeOf(rule: FeatureRule): ColumnType {
  if (rule.kind === 'category') return 'text';
  if (rule.kind === 'date') return rule.time ? 'timestamp' : 'date';
  return rule.kind;
}

function nothing(): VandaError {
  return new VandaError('bad-data', 'The data set of this model has no items to compare with.');
}
