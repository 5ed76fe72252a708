import {
  type JobMetrics,
  type ModelSignature,
  type ModelSource,
  modelSignature,
  parseOrThrow,
  VandaError,
} from '@vanda/contracts';
import type { Scale, TablePreprocessing } from './table/preprocessing.ts';

/** What model.json holds beside the graph: everything that serving must do around the network. */
export interface ArtifactExtra {
  format: 'vanda-estimator-1';
  signature: ModelSignature;
  /** Tables only. */
  preprocessing?: TablePreprocessing;
  /** Regression only: the network predicts (target - mean) / deviation. */
  targetScale?: Scale;
  /** Imported networks only: whether instances may be computed together. */
  batched?: boolean;
  /** The output of the signature `layers` that a new head goes onto, where it is known. */
  features?: string;
  /** Imported networks only. */
  source?: ModelSource;
  metrics: JobMetrics;
  engineVersion: string;
}

/** @throws VandaError 'bad-data' where model.json is not one that an estimator wrote. */
export function readExtra(extra: unknown): ArtifactExtra {
  if (typeof extra !== 'object' || extra === null) throw foreign();
  const { format, signature, preprocessing, targetScale } = extra as Partial<ArtifactExtra>;
  if (format !== 'vanda-estimator-1') throw foreign();
  const checked = parseOrThrow(modelSignature, signature, 'bad-data', '/extra/signature');
  const rows = checked.input.kind === 'row';
  if (rows && !Array.isArray(preprocessing?.features)) throw foreign();
  if (checked.output.kind === 'number' && typeof targetScale?.deviation !== 'number') {
    throw foreign();
  }
  return { ...(extra as ArtifactExtra), signature: checked };
}

function foreign(): VandaError {
  return new VandaError('bad-data', 'model.json is not a model that an estimator of Vanda made.');
}
