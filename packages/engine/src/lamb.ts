import type { Optimizer, OptimizerOptions } from './optimizer.ts';
import { customOptimizer } from './optimizer.ts';

/**
 * For very large batches (You et al., 2020): Adam's corrected step r = m / (sqrt(v) + epsilon) + weightDecay * w, scaled for
 * each variable by |w| / |r|, so that all layers move by the same share of their size. A variable or a step of length 0
 * is not scaled.
 */
export function lamb(
  options: OptimizerOptions & {
    beta1?: number;
    beta2?: number;
    epsilon?: number;
    weightDecay?: number;
  },
): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6, weightDecay = 0 } = options;
  return customOptimizer('lamb', options, (context) => {
    const { graph: g, variable, gradient, rate, step, slot, assign } = context;
    const [first, second] = [slot('lamb/first'), slot('lamb/second')];
    const mean = g.add(g.mul(first, beta1), g.mul(gradient, 1 - beta1));
    const square = g.add(g.mul(second, beta2), g.mul(g.square(gradient), 1 - beta2));
    const corrected = (moment: typeof mean, beta: number) =>
      g.div(moment, g.sub(1, g.pow(beta, g.add(step, 1))));
    const root = g.add(g.sqrt(corrected(square, beta2)), epsilon);
    const change = g.add(g.div(corrected(mean, beta1), root), g.mul(variable, weightDecay));
    const [length, reach] = [g.norm(variable), g.norm(change)];
    const moves = g.logicalAnd(g.greater(length, 0), g.greater(reach, 0));
    const trust = g.where(moves, g.div(length, g.where(moves, reach, 1)), 1);
    return [
      assign(variable, g.sub(variable, g.mul(change, g.mul(rate, trust)))),
      assign(first, mean),
      assign(second, square),
    ];
  });
}
