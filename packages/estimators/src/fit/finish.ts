import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobMetrics, ModelSignature, SplitMetrics } from '@vanda/contracts';
import { engineInfo, type Node, type Session, saveArtifact } from '@vanda/engine';
import type { ArtifactExtra } from '../artifact.ts';
import { writeSplits } from '../splits/write-splits.ts';
import type { TrainingResult } from '../training.ts';
import type { Fitted } from './fit.ts';
import { type Run, reportProgress } from './run.ts';

/** Measures the test split with the best weights and writes the artifact and the splits. */
export async function finish(
  run: Run,
  fitted: Fitted,
  model: {
    session: Session;
    inputs: Record<string, Node>;
    outputs: Record<string, Node>;
    signature: ModelSignature;
    extra: Pick<ArtifactExtra, 'preprocessing' | 'targetScale'>;
    test: (() => Promise<SplitMetrics>) | null;
    splitCodes: Uint8Array;
    warnings: string[];
  },
): Promise<TrainingResult> {
  reportProgress(run, 'evaluating', 0);
  const test = await model.test?.();
  run.signal.throwIfAborted();
  const metrics: JobMetrics = {
    ...(fitted.validation === null ? {} : { validation: fitted.validation }),
    ...(test === undefined ? {} : { test }),
  };
  reportProgress(run, 'saving', 0);
  const splits = join(run.workDir, 'splits.parquet');
  await writeSplits(splits, model.splitCodes);
  const artifact = join(run.workDir, 'artifact');
  const partial = `${artifact}.partial`;
  await rm(partial, { recursive: true, force: true });
  await rm(artifact, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const extra: ArtifactExtra = {
    format: 'vanda-estimator-1',
    signature: model.signature,
    ...model.extra,
    metrics,
    engineVersion: run.engineVersion ?? engineInfo().version,
  };
  await saveArtifact(partial, {
    session: model.session,
    signatures: { predict: { inputs: model.inputs, outputs: model.outputs } },
    extra,
  });
  await rename(partial, artifact);
  run.signal.throwIfAborted();
  reportProgress(run, 'saving', 1);
  return {
    artifact,
    metrics,
    signature: model.signature,
    splits,
    warnings: model.warnings,
    bestEpoch: fitted.bestEpoch,
    steps: fitted.steps,
  };
}
