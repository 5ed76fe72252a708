import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { activation, reshaped, scaled } from './parts.ts';
import { sliced } from './slice.ts';

/** Which of two factors lie with rows and columns swapped. */
export type Turned = readonly [a: boolean, b: boolean];

/** [N, T, D] by [N, D, S]. */
export function product3d(
  e: LayerEmission,
  a: LayerValue,
  b: LayerValue,
  turned: Turned,
): LayerValue {
  const axes = [turned[0] ? 1 : 2, turned[1] ? 2 : 1];
  const dims = [null, a.dims[turned[0] ? 2 : 1] ?? 1, b.dims[turned[1] ? 1 : 2] ?? 1];
  return e.layer(dims, { className: 'Dot', inputs: [a, b], config: { axes, normalize: false } });
}

/** [N, heads, T, D] by [N, heads, D, S], head by head: TensorFlow.js multiplies one matrix an item. */
export function byHeads(
  e: LayerEmission,
  a: LayerValue,
  b: LayerValue,
  turned: Turned,
): LayerValue {
  const heads = Number(a.dims[1]);
  if (b.dims[1] !== heads) e.refuse('repeats matrices of one factor');
  const head = (x: LayerValue, at: number) =>
    reshaped(e, sliced(e, x, 1, at, at + 1), e.places(x.dims).slice(1));
  const inputs = Array.from({ length: heads }, (_, at) => {
    const y = product3d(e, head(a, at), head(b, at), turned);
    return reshaped(e, y, [1, ...e.places(y.dims)]);
  });
  const dims = [null, heads, ...(inputs[0] as LayerValue).dims.slice(2)];
  if (heads === 1) return inputs[0] as LayerValue;
  return e.layer(dims, { className: 'Concatenate', inputs, config: { axis: 1 } });
}

/** softmax(q k^T scale) v of heads that lie beside each other. */
function attention(e: LayerEmission): LayerValue {
  if (e.flag('mask') || e.flag('causal')) e.refuse('masks of steps are not exported');
  const heads = e.number('heads');
  if (heads === 0) e.refuse('takes heads as an axis of their own');
  const packed = e.flag('packed');
  const whole = packed ? splitPacked(e) : [e.input(0), e.input(1), e.input(2)];
  const outputs = Array.from({ length: heads }, (_, head) => {
    const [q, k, v] = whole.map((x) => {
      const depth = Number(x.dims[2]) / heads;
      return sliced(e, x, 2, head * depth, (head + 1) * depth);
    }) as [LayerValue, LayerValue, LayerValue];
    const scale = e.number('scale') || 1 / Math.sqrt(Number(q.dims[2]));
    const scores = scaled(e, product3d(e, q, k, [false, true]), scale);
    return product3d(e, activation(e, scores, 'softmax'), v, [false, false]);
  });
  if (heads === 1) return outputs[0] as LayerValue;
  const config = { axis: 2 };
  return e.layer(e.dims(), { className: 'Concatenate', inputs: outputs, config });
}

function splitPacked(e: LayerEmission): LayerValue[] {
  const x = e.input(0);
  const width = Number(x.dims[2]) / 3;
  return [0, 1, 2].map((part) => sliced(e, x, 2, part * width, (part + 1) * width));
}

export const products: LayerEmitters = { attention };
