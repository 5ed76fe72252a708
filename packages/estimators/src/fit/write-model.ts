import { mkdir, rename, rm } from 'node:fs/promises';
import type { JobMetrics, ModelSignature } from '@vanda/contracts';
import { engineInfo, type Node, type Session, saveArtifact, type Tensor } from '@vanda/engine';
import type { ArtifactExtra } from '../artifact.ts';
import type { Run } from './run.ts';

/** What of a network is served, and what serving must know around it. */
export interface ServedModel {
  session: Session;
  inputs: Record<string, Node>;
  outputs: Record<string, Node>;
  signature: ModelSignature;
  extra: Pick<ArtifactExtra, 'preprocessing' | 'targetScale'>;
}

/** Writes the artifact into `folder`, which holds it whole or is not there. `weights`: others than the session's. */
export async function writeModel(
  run: Run,
  folder: string,
  model: ServedModel,
  metrics: JobMetrics,
  weights?: Record<string, Tensor>,
): Promise<void> {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const extra: ArtifactExtra = {
    format: 'vanda-estimator-1',
    signature: model.signature,
    ...model.extra,
    metrics,
    engineVersion: run.engineVersion ?? engineInfo().version,
  };
  const { inputs, outputs, session } = model;
  const signatures = { predict: { inputs, outputs } };
  await saveArtifact(partial, { session, signatures, extra, ...(weights && { weights }) });
  await rename(partial, folder);
}
