import type { Tensor } from './tensor.ts';

/** How a variable gets its first value; random ones are a function of the graph's seed and the name. */
export type Initializer =
  | Tensor
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'glorotUniform' | 'heNormal' | 'heUniform' }
  | { readonly kind: 'uniform' | 'normal'; readonly scale: number };

export function initializerScale(init: Exclude<Initializer, Tensor>): number {
  if (init.kind === 'constant') return init.value;
  return init.kind === 'uniform' || init.kind === 'normal' ? init.scale : 0;
}
