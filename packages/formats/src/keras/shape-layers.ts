import type { LayerRule } from './layer-rule.ts';
import { channelsLast, sizeOf, unary } from './layer-rule.ts';

const same = unary('passes', (x) => x);

const rescaling = unary('passes', (x, { config }) => {
  const g = x.graph;
  const scale = config.get('scale').number();
  const offset = config.get('offset').number(0);
  const y = g.mul(x.dtype === 'f32' ? x : g.cast(x, 'f32'), scale);
  return offset === 0 ? y : g.add(y, offset);
});

export const shapeLayers: Record<string, LayerRule> = {
  Flatten: unary('refused', (x, { config }) => {
    channelsLast(config);
    return x.graph.flatten(x);
  }),
  Reshape: unary('refused', (x, { config }) => {
    // TensorFlow.js writes null for the size that is left over.
    const dims = config.get('target_shape').list();
    const shape = dims.map((dim) => (dim.absent ? -1 : dim.whole(-1)));
    return x.graph.reshape(x, [0, ...shape]);
  }),
  Permute: unary('refused', (x, { config }) => {
    const order = config.get('dims').wholes(1);
    return x.graph.transpose(x, [0, ...order]);
  }),
  RepeatVector: unary('refused', (x, call) => {
    const [times, features] = [call.config.get('n').whole(1), sizeOf(x, 1, call)];
    if (x.shape.length !== 2) call.config.fail('takes vectors');
    return x.graph.expand(x.graph.expandDims(x, 1), [x.shape[0] ?? null, times, features]);
  }),
  Rescaling: rescaling,
  // What acts in training alone.
  Dropout: same,
  SpatialDropout1D: same,
  SpatialDropout2D: same,
  GaussianNoise: same,
  GaussianDropout: same,
  ActivityRegularization: same,
};
