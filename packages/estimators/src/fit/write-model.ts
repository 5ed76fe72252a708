import { mkdir, rename, rm } from 'node:fs/promises';
import type { JobMetrics, ModelSignature } from '@vanda/contracts';
import { engineInfo, type Node, type Session, saveArtifact, type Tensor } from '@vanda/engine';
import type { ArtifactExtra } from '../artifact.ts';
import type { Run } from './run.ts';

/** What of a network is served, and what serving must know around it. */
export interface ServedModel {
  session: Session;
  /** The session that trains, where it is another one: its variables are written in place of those of that name. */
  head?: Session;
  inputs: Record<string, Node>;
  outputs: Record<string, Node>;
  /** Where the network may be cut, by name; left out, nothing can be built on it. */
  places?: Record<string, Node>;
  signature: ModelSignature;
  extra: Pick<ArtifactExtra, 'preprocessing' | 'targetScale' | 'features'>;
}

/**
 * Writes the artifact into `folder`, which holds it whole or is not there.
 *
 * @param weights in place of those of the same names that the sessions hold now
 */
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
  const { inputs, outputs, places, session, head } = model;
  const signatures = {
    predict: { inputs, outputs },
    ...(places && { layers: { inputs, outputs: places } }),
  };
  const held = { ...session.variables(), ...(weights ?? head?.variables()) };
  await saveArtifact(partial, { session, signatures, extra, weights: held });
  await rename(partial, folder);
}
