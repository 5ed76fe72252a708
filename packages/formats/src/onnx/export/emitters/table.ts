import type { Emitters } from '../emission.ts';
import { elementwise } from './elementwise.ts';
import { networks } from './network.ts';
import { reductions } from './reduction.ts';
import { sequences } from './sequence.ts';
import { shapes } from './shape.ts';

/** Every operation of the engine that ONNX can say, by its name. */
export const emitterTable: Emitters = Object.assign(Object.create(null) as object, {
  ...elementwise,
  ...networks,
  ...reductions,
  ...sequences,
  ...shapes,
});
