import { join } from 'node:path';
import type { JobMetrics } from '@vanda/contracts';
import type { Evaluated, ItemDescriber } from '../predictions/answers.ts';
import { keepPredictions } from '../predictions/keep-predictions.ts';
import { writeSplits } from '../splits/write-splits.ts';
import type { TrainingResult } from '../training.ts';
import type { Fitted } from './fit.ts';
import { type Run, reportProgress } from './run.ts';
import { type ServedModel, writeModel } from './write-model.ts';

/** Measures the test split with the best weights and writes the artifact, the splits and the predictions. */
export async function finish(
  run: Run,
  fitted: Fitted,
  model: ServedModel,
  rest: {
    test: (() => Promise<Evaluated>) | null;
    /** Null where the items cannot be read again: then no predictions are kept. */
    describer: ItemDescriber | null;
    splitCodes: Uint8Array;
    warnings: string[];
  },
): Promise<TrainingResult> {
  reportProgress(run, 'evaluating', 0);
  const test = await rest.test?.();
  run.signal.throwIfAborted();
  const metrics: JobMetrics = {
    ...(fitted.validation === null ? {} : { validation: fitted.validation }),
    ...(test === undefined ? {} : { test: test.metrics }),
  };
  reportProgress(run, 'saving', 0);
  const splits = join(run.workDir, 'splits.parquet');
  await writeSplits(splits, rest.splitCodes);
  const predictions =
    test === undefined || rest.describer === null
      ? null
      : await keepPredictions(run.workDir, test.answers(), rest.describer, run.signal);
  const artifact = join(run.workDir, 'artifact');
  await writeModel(run, artifact, model, metrics);
  run.signal.throwIfAborted();
  reportProgress(run, 'saving', 1);
  return {
    artifact,
    metrics,
    signature: model.signature,
    splits,
    predictions,
    warnings: rest.warnings,
    bestEpoch: fitted.bestEpoch,
    steps: fitted.steps,
  };
}
