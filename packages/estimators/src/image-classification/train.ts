import { join } from 'node:path';
import {
  type CompletedModel,
  type ImagesProfile,
  type PictureInput,
  trainsOnFeatures,
  VandaError,
} from '@vanda/contracts';
import { Graph, losses, nn, Session } from '@vanda/engine';
import { labelWarnings } from '../fit/label-warnings.ts';
import { pictureLayers } from '../fit/layers.ts';
import { applyNamed } from '../fit/named-places.ts';
import { logWarnings, type Run, reportProgress, sessionOptions } from '../fit/run.ts';
import { readPictures } from '../pictures/read-pictures.ts';
import { type PictureItem, readShards } from '../pictures/read-shards.ts';
import { assignSplits } from '../splits/assign-splits.ts';
import type { TrainingResult } from '../training.ts';
import { fitPictures, type PreparedPictures } from './fit-pictures.ts';
import { retrain } from './retrain.ts';

/** Pictures of one batch when a split is only measured. */
const evaluationBatch = 256;

export async function trainImageClassification(
  run: Run,
  profile: ImagesProfile,
  files: readonly string[],
  source: AsyncIterable<PictureItem> = readShards(files),
): Promise<TrainingResult> {
  const { model } = run.spec;
  if (model.input === undefined) {
    throw new VandaError('invalid-spec', '/model/input: is missing; pictures need a size.');
  }
  const prepared = await preparePictures(run, profile, source, model.input);
  try {
    return model.kind === 'retrain'
      ? await retrain(run, profile, prepared, model)
      : await trainNew(run, profile, prepared, model, model.input);
  } finally {
    await prepared.pictures.close();
  }
}

async function preparePictures(
  run: Run,
  profile: ImagesProfile,
  source: AsyncIterable<PictureItem>,
  shape: PictureInput,
): Promise<PreparedPictures> {
  const { spec } = run;
  reportProgress(run, 'preparing', 0);
  const pictures = await readPictures({
    source,
    items: profile.items,
    shape,
    file: join(run.workDir, 'pictures.u8'),
    // What is looked at once need not be kept.
    bytesMax: trainsOnFeatures(spec) ? 0 : run.pixelsBytesMax,
    signal: run.signal,
    onProgress: (fraction) => reportProgress(run, 'preparing', fraction),
  });
  const { labels, classes } = pictures;
  if (labels.length < 2) {
    throw new VandaError(
      'bad-data',
      `All pictures have the same label, "${labels[0] ?? ''}": a classification needs at least two.`,
    );
  }
  const splits = assignSplits(pictures.predefined, spec.split, classes);
  if (splits.rows.train.length < 2) {
    throw new VandaError('bad-data', 'There are too few pictures to train on: at least two.');
  }
  const warnings = labelWarnings(labels, classes, splits);
  logWarnings(run, warnings);
  const { size, channels } = shape;
  const signature: PreparedPictures['signature'] = {
    task: 'image-classification',
    input: { kind: 'picture', size, channels },
    output: { kind: 'classes', labels },
  };
  return { pictures, splits, warnings, signature };
}

async function trainNew(
  run: Run,
  profile: ImagesProfile,
  prepared: PreparedPictures,
  model: Exclude<CompletedModel, { kind: 'retrain' }>,
  { size, channels }: PictureInput,
): Promise<TrainingResult> {
  const { seed, augment } = run.spec.training;
  const { pictures, signature } = prepared;
  const graph = new Graph({ seed });
  const image = graph.placeholder('image', [null, size, size, channels], 'u8');
  const label = graph.placeholder('target', [null], 'i32');
  const layers = pictureLayers(model, size, pictures.labels.length);
  const logits = nn.sequential(layers).apply(image, { training: true });
  const { result: served, places, features } = applyNamed(layers, image);
  const scores = graph.softmax(served);
  const session = new Session(graph, sessionOptions(run));
  try {
    return await fitPictures(run, profile, prepared, {
      session,
      model: {
        session,
        inputs: { image },
        outputs: { scores },
        places,
        signature,
        extra: { features },
      },
      inputs: { image: pictures.column },
      varied: { image: { ...pictures.column, augment } },
      loss: losses.softmaxCrossEntropy(logits, label),
      nodes: { scores, losses: graph.softmaxCrossEntropy(served, label) },
      evaluationBatch,
    });
  } finally {
    session.close();
  }
}
