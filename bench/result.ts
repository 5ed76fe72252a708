/** One measured quantity. A case has a name for each quantity: `mlp-b32`, `mlp-b32-memory`. */
export interface Measurement {
  case: string;
  /** What was measured: `vanda`, `torch`, `tensorflow`, `scikit-learn`, ... */
  system: string;
  value: number;
  unit: 'us' | 'per_s' | 'bytes' | 'score';
  better: 'lower' | 'higher';
}

/** A folder below bench/ with a `cases.ts` exports this: it measures and yields as it goes. */
export type Cases = (options: { peers: boolean }) => AsyncIterable<Measurement>;
