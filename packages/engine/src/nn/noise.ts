import { EngineError } from '../engine-error.ts';
import type { Layer, Named } from './layer.ts';
import { FEATURES } from './layer.ts';

/** Adds normal noise of mean 0 in training; the identity outside. */
export function gaussianNoise(deviation: number, options: Named = {}): Layer {
  if (!(deviation >= 0)) {
    const text = `the deviation must be at least 0, not ${deviation}`;
    throw new EngineError('invalid_attribute', 'gaussianNoise', text);
  }
  return {
    kind: 'gaussianNoise',
    name: options.name,
    takes: FEATURES,
    apply: (x, mode) =>
      mode.training && deviation > 0 ? x.graph.add(x, x.graph.randomNormal(x, { deviation })) : x,
  };
}

/** Times normal noise of mean 1 and variance rate / (1 - rate) in training (Srivastava et al., 2014); the identity outside. */
export function gaussianDropout(rate: number, options: Named = {}): Layer {
  if (!(rate >= 0 && rate < 1)) {
    const text = 'the rate must be at least 0 and below 1';
    throw new EngineError('invalid_attribute', 'gaussianDropout', text);
  }
  const deviation = Math.sqrt(rate / (1 - rate));
  return {
    kind: 'gaussianDropout',
    name: options.name,
    takes: FEATURES,
    apply: (x, mode) =>
      mode.training && rate > 0
        ? x.graph.mul(x, x.graph.randomNormal(x, { mean: 1, deviation }))
        : x,
  };
}
