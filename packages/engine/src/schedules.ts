import type { Node } from './node.ts';

/** The learning rate as nodes of the graph, computed from the step (0 first). */
export type Schedule = (step: Node) => Node;
export type LearningRate = number | Schedule;

export function constant(rate: number): Schedule {
  return (step) => step.graph.constant(rate);
}

/** rate * factor ^ floor(step / every). */
export function stepDecay(rate: number, options: { every: number; factor: number }): Schedule {
  return (step) => {
    const g = step.graph;
    return g.mul(g.pow(options.factor, g.floor(g.div(step, options.every))), rate);
  };
}

/** rate * factor ^ (step / every). */
export function exponential(rate: number, options: { every: number; factor: number }): Schedule {
  return (step) => {
    const g = step.graph;
    return g.mul(g.exp(g.mul(step, Math.log(options.factor) / options.every)), rate);
  };
}

/** Half a cosine from rate down to floor over so many steps (Loshchilov and Hutter, 2017). */
export function cosine(rate: number, options: { steps: number; floor?: number }): Schedule {
  const floor = options.floor ?? 0;
  return (step) => {
    const g = step.graph;
    const progress = g.clamp(g.div(step, options.steps), 0, 1);
    return g.add(g.mul(cosineOfPi(progress), (rate - floor) / 2), (rate + floor) / 2);
  };
}

/** Rises from 0 to what the schedule says over the first steps. */
export function warmup(steps: number, schedule: LearningRate): Schedule {
  return (step) => {
    const g = step.graph;
    const share = g.minimum(g.div(g.add(step, 1), steps), 1);
    return g.mul(rateAt(schedule, step), share);
  };
}

export function rateAt(rate: LearningRate, step: Node): Node {
  return typeof rate === 'number' ? step.graph.constant(rate) : rate(step);
}

// cos(pi x) on [0, 1] as -sin(pi (x - 1/2)), by the sine's series around its zero: the graph has no
// cosine of its own, and seven terms are exact in f32.
function cosineOfPi(x: Node): Node {
  const g = x.graph;
  const angle = g.mul(g.sub(x, 0.5), Math.PI);
  const square = g.square(angle);
  let sum = g.constant(1 / 6227020800);
  for (const factorial of [-39916800, 362880, -5040, 120, -6, 1])
    sum = g.add(g.mul(sum, square), 1 / factorial);
  return g.neg(g.mul(sum, angle));
}
