import { EngineError } from '../engine-error.ts';
import { knownDims } from '../ops/window.ts';
import type { Layer, Named } from './layer.ts';
import { Built, FEATURES, knownDim, PICTURES } from './layer.ts';

/** The identity outside training. */
export function dropout(rate: number, options: Named = {}): Layer {
  if (!(rate >= 0 && rate < 1)) {
    throw new EngineError(
      'invalid_attribute',
      'dropout',
      'the rate must be at least 0 and below 1',
    );
  }
  return {
    kind: 'dropout',
    name: options.name,
    takes: FEATURES,
    apply: (x, mode) => (mode.training && rate > 0 ? x.graph.dropout(x, rate) : x),
  };
}

/** Drops whole channels of a picture [N, H, W, C] together, since its neighbouring pixels say the same. */
export function spatialDropout2d(rate: number, options: Named = {}): Layer {
  const drop = dropout(rate);
  return {
    kind: 'spatialDropout2d',
    name: options.name,
    takes: PICTURES,
    apply(x, mode) {
      if (!mode.training || rate === 0) return x;
      const graph = x.graph;
      const [, , channels = 0] = knownDims(x, 'spatialDropout2d', '[N, H, W, C]');
      const corner = graph.slice(graph.stopGradient(x), [0, 0, 0, 0], [-1, 1, 1, channels]);
      const ones = graph.add(graph.mul(corner, 0), 1);
      return graph.mul(x, drop.apply(ones, mode));
    },
  };
}

/**
 * Over all axes but the last. Training uses the batch's statistics and lets the running ones follow:
 * running = keep * running + (1 - keep) * batch, where keep is the momentum, but at first the share that makes running
 * the plain mean of the batches so far: a short training would else be judged by what the variables began with.
 */
export function batchNorm(options: Named & { momentum?: number; epsilon?: number } = {}): Layer {
  const momentum = options.momentum ?? 0.99;
  const epsilon = options.epsilon ?? 1e-3;
  const built = new Built('batch_norm', (graph, name, x) => {
    const channels = [knownDim(x, -1, 'batchNorm')];
    const still = { trainable: false };
    return {
      scale: graph.variable(`${name}/scale`, channels, { kind: 'ones' }),
      shift: graph.variable(`${name}/shift`, channels, { kind: 'zeros' }),
      mean: graph.variable(`${name}/mean`, channels, { kind: 'zeros' }, still),
      variance: graph.variable(`${name}/variance`, channels, { kind: 'ones' }, still),
      batches: graph.variable(`${name}/batches`, [1], { kind: 'zeros' }, still),
    };
  });
  return {
    kind: 'batchNorm',
    name: options.name,
    takes: FEATURES,
    apply(x, mode) {
      const graph = x.graph;
      const { scale, shift, mean, variance, batches } = built.on(x);
      if (!mode.training) return graph.batchNorm(x, scale, shift, mean, variance, { epsilon });
      const [y, batchMean, batchVariance] = graph.emitAll('batch_norm_train', [x, scale, shift], {
        epsilon,
      });
      if (!y || !batchMean || !batchVariance)
        throw new EngineError('internal', 'batchNorm', 'outputs are missing');
      const seen = graph.add(batches, 1);
      const keep = graph.minimum(graph.sub(1, graph.div(1, seen)), momentum);
      for (const [running, batch] of [
        [mean, batchMean] as const,
        [variance, batchVariance] as const,
      ]) {
        const next = graph.add(graph.mul(running, keep), graph.mul(batch, graph.sub(1, keep)));
        graph.updates.push(graph.emitEffect('assign', [running, next]));
      }
      graph.updates.push(graph.emitEffect('assign', [batches, seen]));
      return y;
    },
  };
}
