import { join } from 'node:path';
import { type ImagesProfile, type ModelSignature, VandaError } from '@vanda/contracts';
import { Graph, losses, nn, Pipeline, Session } from '@vanda/engine';
import { fittingBatchSize } from '../fit/batch-size.ts';
import { classEvaluator, shareOfMostFrequent } from '../fit/evaluate-classes.ts';
import { finish } from '../fit/finish.ts';
import { fit } from '../fit/fit.ts';
import { labelWarnings } from '../fit/label-warnings.ts';
import { pictureLayers } from '../fit/layers.ts';
import { logWarnings, type Run, reportProgress, sessionOptions } from '../fit/run.ts';
import { pictureDescriber } from '../pictures/describe-pictures.ts';
import { readPictures } from '../pictures/read-pictures.ts';
import { type PictureItem, readShards } from '../pictures/read-shards.ts';
import { assignSplits } from '../splits/assign-splits.ts';
import type { TrainingResult } from '../training.ts';

/** Pictures of one batch when a split is only measured. */
const evaluationBatch = 256;

export async function trainImageClassification(
  run: Run,
  profile: ImagesProfile,
  files: readonly string[],
  source: AsyncIterable<PictureItem> = readShards(files),
): Promise<TrainingResult> {
  const { spec } = run;
  const shape = spec.model.input;
  if (shape === undefined) {
    throw new VandaError('invalid-spec', '/model/input: is missing; pictures need a size.');
  }
  reportProgress(run, 'preparing', 0);
  const pictures = await readPictures({
    source,
    items: profile.items,
    shape,
    file: join(run.workDir, 'pictures.u8'),
    bytesMax: run.pixelsBytesMax,
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
  const graph = new Graph({ seed: spec.training.seed });
  const { size, channels } = shape;
  const image = graph.placeholder('image', [null, size, size, channels], 'u8');
  const label = graph.placeholder('target', [null], 'i32');
  const layers = nn.sequential(pictureLayers(spec.model, size, labels.length));
  const logits = layers.apply(image, { training: true });
  const served = layers.apply(image, { training: false });
  const scores = graph.softmax(served);
  const nodes = { scores, losses: graph.softmaxCrossEntropy(served, label) };
  const loss = losses.softmaxCrossEntropy(logits, label);
  const session = new Session(graph, sessionOptions(run));
  const columns = {
    image: pictures.column,
    target: { data: classes },
  };
  const measured = (rows: Uint32Array) =>
    classEvaluator(
      {
        session,
        rows,
        batchSize: evaluationBatch,
        pipelineOf: (part) => new Pipeline({ columns, rows: part, batchSize: evaluationBatch }),
        signal: run.signal,
      },
      nodes,
      classes,
      labels,
    );
  try {
    const signature: ModelSignature = {
      task: 'image-classification',
      input: { kind: 'picture', size, channels },
      output: { kind: 'classes', labels },
    };
    const model = { session, inputs: { image }, outputs: { scores }, signature, extra: {} };
    const fitted = await fit(run, {
      session,
      model,
      chance: shareOfMostFrequent(classes, splits.rows.validation),
      pipeline: new Pipeline({
        columns: { ...columns, image: { ...columns.image, augment: spec.training.augment } },
        rows: splits.rows.train,
        batchSize: fittingBatchSize(spec, profile, splits.rows.train.length),
        shuffle: true,
        seed: spec.training.seed,
      }),
      loss,
      validate: measured(splits.rows.validation),
    });
    return await finish(run, fitted, model, {
      test: measured(splits.rows.test),
      describer: pictures.places && pictureDescriber(pictures.places),
      splitCodes: splits.codes,
      warnings,
    });
  } finally {
    session.close();
    await pictures.close();
  }
}
