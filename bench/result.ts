/** One measured quantity. A case has a name for each quantity: `mlp-b32`, `mlp-b32-memory`. */
export interface Measurement {
  case: string;
  /** What was measured: `vanda`, `torch`, `tensorflow`, `scikit-learn`, ... */
  system: string;
  value: number;
  unit: 'us' | 'per_s' | 'bytes' | 'score';
  better: 'lower' | 'higher';
  /** The first losses of a training, where a peer says them; they are compared and not kept. */
  losses?: number[];
}

/** A folder below bench/ with a `cases.ts` exports this: it measures and yields as it goes. */
export type Cases = (options: CaseOptions) => AsyncIterable<Measurement>;

export interface CaseOptions {
  /** Whether the peers are measured, too. */
  peers: boolean;
  /** Whether a case of this name was asked for. */
  wants(name: string): boolean;
}
