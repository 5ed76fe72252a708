import type { Described } from '../nn/layer.ts';
import type { Node } from '../node.ts';
import type { Replay } from './replay.ts';
import type { Structure } from './structure.ts';
import type { Symbolic } from './symbol.ts';

/** What a model is to the model that it is a layer of. */
export interface Network extends Described {
  readonly kind: 'model' | 'sequential';
  readonly structure: Structure;
  /** Settles the shapes of a sequential model that began without an input. */
  settle(inputs: readonly Pick<Symbolic, 'shape' | 'dtype'>[]): void;
  replay(inputs: readonly Node[], context: Replay): Node[];
}

export function isNetwork(layer: object): layer is Network {
  return 'structure' in layer && 'replay' in layer;
}
