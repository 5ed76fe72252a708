import type { LocalResponseOptions } from '../ops/norm.ts';
import type { Layer, Named } from './layer.ts';
import { Built, FEATURES, knownDim } from './layer.ts';

interface NormalizationOptions extends Named {
  epsilon?: number;
}

/** Over the last axis of each row: [..., C] -> [..., C], with a scale and a shift for each of C. */
export function layerNormalization(options: NormalizationOptions = {}): Layer {
  const built = scaleAndShift('layer_normalization', 'layerNormalization');
  return {
    kind: 'layerNormalization',
    name: options.name,
    takes: FEATURES,
    apply(x) {
      const { scale, shift } = built.on(x);
      return x.graph.layerNorm(x, scale, shift, options);
    },
  };
}

/** Over the places and the channels of each group of one sample: [N, ..., C] -> [N, ..., C]. */
export function groupNormalization(groups = 32, options: NormalizationOptions = {}): Layer {
  const built = scaleAndShift('group_normalization', 'groupNormalization');
  return {
    kind: 'groupNormalization',
    name: options.name,
    takes: `${FEATURES}, the features divided by ${groups}`,
    apply(x) {
      const { scale, shift } = built.on(x);
      return x.graph.groupNorm(x, scale, shift, { groups, ...options });
    },
  };
}

/** Each channel of each sample by itself over its places: [N, ..., C] -> [N, ..., C] (Ulyanov et al., 2016). */
export function instanceNormalization(options: NormalizationOptions = {}): Layer {
  const built = scaleAndShift('instance_normalization', 'instanceNormalization');
  return {
    kind: 'instanceNormalization',
    name: options.name,
    takes: '[batch, places..., channels] of f32',
    apply(x) {
      const { scale, shift } = built.on(x);
      return x.graph.instanceNorm(x, scale, shift, options);
    },
  };
}

/** Over the last axis of each row by its root mean square, with a scale alone: [..., C] (Zhang and Sennrich, 2019). */
export function rmsNormalization(options: NormalizationOptions = {}): Layer {
  const built = new Built('rms_normalization', (graph, name, x) =>
    graph.variable(`${name}/scale`, [knownDim(x, -1, 'rmsNormalization')], { kind: 'ones' }),
  );
  return {
    kind: 'rmsNormalization',
    name: options.name,
    takes: FEATURES,
    apply: (x) => x.graph.rmsNorm(x, built.on(x), options),
  };
}

/** By the squares of the `size` channels around each one, without weights (Krizhevsky et al., 2012). */
export function localResponseNormalization(
  size = 5,
  options: Named & Omit<LocalResponseOptions, 'size'> = {},
): Layer {
  return {
    kind: 'localResponseNormalization',
    name: options.name,
    takes: FEATURES,
    apply: (x) => x.graph.localResponseNorm(x, { size, ...options }),
  };
}

/** Rows of length 1: x / |x| over the last axis, where a row of zeros stays one. */
export function unitNormalization(options: Named = {}): Layer {
  return {
    kind: 'unitNormalization',
    name: options.name,
    takes: FEATURES,
    apply(x) {
      const graph = x.graph;
      return graph.div(x, graph.maximum(graph.norm(x, 2, -1, true), 1e-12));
    },
  };
}

function scaleAndShift(name: string, kind: string) {
  return new Built(name, (graph, own, x) => {
    const channels = [knownDim(x, -1, kind)];
    return {
      scale: graph.variable(`${own}/scale`, channels, { kind: 'ones' }),
      shift: graph.variable(`${own}/shift`, channels, { kind: 'zeros' }),
    };
  });
}
