import { EngineError } from './engine-error.ts';
import type { Gradient, Optimizer } from './optimizer.ts';
import { gradientsOf, slotOf } from './optimizer.ts';

/**
 * One update for every `steps` batches, by the mean of their gradients: what one batch of all their rows would do. The
 * optimizer's schedule counts updates. Sums of sparse gradients are kept whole, so tables are updated densely.
 */
export function accumulate(optimizer: Optimizer, options: { steps: number }): Optimizer {
  const { steps } = options;
  if (!(Number.isSafeInteger(steps) && steps >= 1)) {
    throw new EngineError(
      'invalid_attribute',
      'accumulate',
      'steps must be a whole number of at least 1',
    );
  }
  const apply: Optimizer['apply'] = (gradients, { every = 1 } = {}) => {
    const effects: number[] = [];
    const summed = gradients.map(({ variable, gradient }): Gradient => {
      const g = variable.graph;
      const sum = slotOf('accumulated', variable);
      const first = g.equal(g.step({ every: steps, phase: true }), 0);
      const next = g.add(g.where(first, 0, sum), g.div(gradient, steps));
      effects.push(g.assign(sum, next));
      return { variable, gradient: next };
    });
    return [...optimizer.apply(summed, { every: every * steps }), ...effects];
  };
  return {
    name: optimizer.name,
    apply,
    minimize: (loss, of = {}) => apply(gradientsOf(loss, of)),
  };
}
