import type { ImportOptions, ModelSignature, ModelSource } from '@vanda/contracts';
import type { PushedFile } from '../ingest/archives/collect-entries.ts';

/** What the process of one import is told, all of it on the local disk. */
export interface ImportTask {
  /** What was uploaded, or the package of a backbone. */
  files: readonly PushedFile[];
  /** A name of the shelf. */
  backbone: string | null;
  options: ImportOptions;
  /** A folder of its own. */
  workDir: string;
  engineVersion: string;
}

export interface ImportResult {
  signature: ModelSignature;
  source: ModelSource;
  /** Of the artifact. */
  graph: string;
  weights: string;
  /** Both in one ZIP. */
  archive: string;
}
