import type { DatasetPreview, SplitMetrics } from '@vanda/contracts';

/** What a model says about the items of one split, side by side. */
export interface Answers {
  /** Indices over the whole version, ascending. */
  rows: Uint32Array;
  /** Of a classification: what truths and predictions are indices of; null for numbers. */
  labels: readonly string[] | null;
  truth: Int32Array | Float64Array;
  predicted: Int32Array | Float64Array;
  /** How probable the predicted label was; null for numbers. */
  scores: Float32Array | null;
}

/** A split that was measured. The answers are put together when they are asked for. */
export interface Evaluated {
  metrics: SplitMetrics;
  answers(): Answers;
}

/** How the items of a dataset are told apart and shown, which each kind of data knows for itself. */
export interface ItemDescriber {
  /**
   * A number for what each item holds (see contracts' identityEnd), in the order of `rows`.
   *
   * @param items ascending; `parquet` is a file with them as its column "row"
   */
  identities(
    items: { rows: Uint32Array; parquet: string },
    signal: AbortSignal,
  ): Promise<Float64Array>;
  /** As a page shows them: one row or picture for each of `rows`, in their order; it may end early. */
  examples(rows: readonly number[], signal: AbortSignal): Promise<DatasetPreview>;
}
