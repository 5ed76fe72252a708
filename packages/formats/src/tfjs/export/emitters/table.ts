import type { LayerEmitters } from '../layer-emission.ts';
import { activations } from './activation.ts';
import { arithmetic } from './arithmetic.ts';
import { convolutions } from './convolution.ts';
import { networks } from './network.ts';
import { pictures } from './pooling.ts';
import { products } from './product.ts';
import { recurrences } from './recurrent.ts';
import { reductions } from './reduction.ts';
import { shapes } from './shape.ts';

/** Every operation of the engine that layers of TensorFlow.js can say, by its name. */
export const layerEmitterTable: LayerEmitters = Object.assign(Object.create(null) as object, {
  ...activations,
  ...arithmetic,
  ...convolutions,
  ...networks,
  ...pictures,
  ...products,
  ...recurrences,
  ...reductions,
  ...shapes,
});
