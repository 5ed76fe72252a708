import { join } from 'node:path';
import type { JobMetrics, SplitMetrics } from '@vanda/contracts';
import { writeSplits } from '../splits/write-splits.ts';
import type { TrainingResult } from '../training.ts';
import type { Fitted } from './fit.ts';
import { type Run, reportProgress } from './run.ts';
import { type ServedModel, writeModel } from './write-model.ts';

/** Measures the test split with the best weights and writes the artifact and the splits. */
export async function finish(
  run: Run,
  fitted: Fitted,
  model: ServedModel,
  rest: {
    test: (() => Promise<SplitMetrics>) | null;
    splitCodes: Uint8Array;
    warnings: string[];
  },
): Promise<TrainingResult> {
  reportProgress(run, 'evaluating', 0);
  const test = await rest.test?.();
  run.signal.throwIfAborted();
  const metrics: JobMetrics = {
    ...(fitted.validation === null ? {} : { validation: fitted.validation }),
    ...(test === undefined ? {} : { test }),
  };
  reportProgress(run, 'saving', 0);
  const splits = join(run.workDir, 'splits.parquet');
  await writeSplits(splits, rest.splitCodes);
  const artifact = join(run.workDir, 'artifact');
  await writeModel(run, artifact, model, metrics);
  run.signal.throwIfAborted();
  reportProgress(run, 'saving', 1);
  return {
    artifact,
    metrics,
    signature: model.signature,
    splits,
    warnings: rest.warnings,
    bestEpoch: fitted.bestEpoch,
    steps: fitted.steps,
  };
}
