import type { Operators } from '../call.ts';
import { activation } from './activation.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { normalization } from './normalization.ts';
import { parts } from './parts.ts';
import { places } from './places.ts';
import { pooling } from './pooling.ts';
import { product } from './product.ts';
import { quantization } from './quantization.ts';
import { recurrents } from './recurrent.ts';
import { reductions } from './reduction.ts';
import { resizes } from './resize.ts';
import { shapes } from './shape.ts';

/** Every operator that is understood, by its name; a null prototype, so that no other name is found in it. */
export const operatorTable: Operators = Object.assign(Object.create(null) as object, {
  ...activation,
  ...convolution,
  ...elementwise,
  ...normalization,
  ...parts,
  ...places,
  ...pooling,
  ...product,
  ...quantization,
  ...recurrents,
  ...reductions,
  ...resizes,
  ...shapes,
});
