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

function scaleAndShift(name: string, kind: string) {
  return new Built(name, (graph, own, x) => {
    const channels = [knownDim(x, -1, kind)];
    return {
      scale: graph.variable(`${own}/scale`, channels, { kind: 'ones' }),
      shift: graph.variable(`${own}/shift`, channels, { kind: 'zeros' }),
    };
  });
}
