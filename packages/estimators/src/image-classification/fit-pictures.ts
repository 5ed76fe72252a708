import type { ImagesProfile, ModelSignature } from '@vanda/contracts';
import { type ColumnSource, type Node, Pipeline, type Session } from '@vanda/engine';
import { fittingBatchSize } from '../fit/batch-size.ts';
import { classEvaluator, shareOfMostFrequent } from '../fit/evaluate-classes.ts';
import { finish } from '../fit/finish.ts';
import { fit } from '../fit/fit.ts';
import type { Run } from '../fit/run.ts';
import type { ServedModel } from '../fit/write-model.ts';
import { pictureDescriber } from '../pictures/describe-pictures.ts';
import type { Pictures } from '../pictures/read-pictures.ts';
import type { SplitAssignment } from '../splits/assign-splits.ts';
import type { TrainingResult } from '../training.ts';

/** Pictures that are read, and what each of them is for. */
export interface PreparedPictures {
  pictures: Pictures;
  splits: SplitAssignment;
  warnings: string[];
  signature: ModelSignature;
}

/** A network that is ready to be trained on pictures, or on what is known of them. */
export interface PictureTraining {
  session: Session;
  model: ServedModel;
  /** The placeholder `target` aside: what the network is fed, and what of it a step is fed. */
  inputs: Record<string, ColumnSource>;
  varied: Record<string, ColumnSource>;
  loss: Node;
  /** [N, labels] and [N]. */
  nodes: { scores: Node; losses: Node };
  variables?: readonly Node[];
  /** Items of one batch when a split is only measured. */
  evaluationBatch: number;
}

/** Trains it, measures it, and writes what comes of it. */
export async function fitPictures(
  run: Run,
  profile: ImagesProfile,
  { pictures, splits, warnings }: PreparedPictures,
  training: PictureTraining,
): Promise<TrainingResult> {
  const { spec } = run;
  const { session, model, nodes, evaluationBatch: batchSize } = training;
  const { classes, labels } = pictures;
  const target = { data: classes };
  const columns = { ...training.inputs, target };
  const measured = (rows: Uint32Array) =>
    classEvaluator(
      {
        session,
        rows,
        batchSize,
        pipelineOf: (part) => new Pipeline({ columns, rows: part, batchSize }),
        signal: run.signal,
      },
      nodes,
      classes,
      labels,
    );
  const fitted = await fit(run, {
    session,
    model,
    chance: shareOfMostFrequent(classes, splits.rows.validation),
    pipeline: new Pipeline({
      columns: { ...training.varied, target },
      rows: splits.rows.train,
      batchSize: fittingBatchSize(spec, profile, splits.rows.train.length),
      shuffle: true,
      seed: spec.training.seed,
    }),
    loss: training.loss,
    ...(training.variables && { variables: training.variables }),
    validate: measured(splits.rows.validation),
  });
  return await finish(run, fitted, model, {
    test: measured(splits.rows.test),
    describer: pictures.places && pictureDescriber(pictures.places),
    splitCodes: splits.codes,
    warnings,
  });
}
