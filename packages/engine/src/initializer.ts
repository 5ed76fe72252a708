import type { Tensor } from './tensor.ts';

/**
 * How a variable gets its first value; random ones are a function of the graph's seed and the name. The normal ones of
 * glorot, he and lecun are cut at two deviations, as Keras does it. `scale` is the end of a uniform distribution and the
 * deviation of a normal one; `gain` (1) multiplies orthogonal matrices and the identity.
 */
export type Initializer =
  | Tensor
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'constant'; readonly value: number }
  | {
      readonly kind:
        | 'glorotUniform'
        | 'glorotNormal'
        | 'heUniform'
        | 'heNormal'
        | 'lecunUniform'
        | 'lecunNormal';
    }
  | { readonly kind: 'uniform' | 'normal' | 'truncatedNormal'; readonly scale: number }
  | { readonly kind: 'orthogonal' | 'identity'; readonly gain?: number };

export function initializerScale(init: Exclude<Initializer, Tensor>): number {
  switch (init.kind) {
    case 'constant':
      return init.value;
    case 'uniform':
    case 'normal':
    case 'truncatedNormal':
      return init.scale;
    case 'orthogonal':
    case 'identity':
      return init.gain ?? 1;
    default:
      return 0;
  }
}
