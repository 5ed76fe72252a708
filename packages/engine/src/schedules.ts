import { EngineError } from './engine-error.ts';
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
  return (step) => {
    const g = step.graph;
    return anneal(rate, options.floor ?? 0, g.clamp(g.div(step, options.steps), 0, 1));
  };
}

/** Cosines one after the other, each `growth` times as long as the one before (Loshchilov and Hutter, 2017). */
export function cosineRestarts(
  rate: number,
  options: { steps: number; growth?: number; floor?: number },
): Schedule {
  const { steps, growth = 1, floor = 0 } = options;
  return (step) => {
    const g = step.graph;
    if (growth === 1) {
      const cycles = g.div(step, steps);
      return anneal(rate, floor, g.sub(cycles, g.floor(cycles)));
    }
    // Cycle n begins at steps * (growth^n - 1) / (growth - 1); half a step keeps rounding out of the floor.
    const grown = g.add(g.mul(g.add(step, 0.5), (growth - 1) / steps), 1);
    const cycle = g.floor(g.mul(g.log(grown), 1 / Math.log(growth)));
    const length = g.mul(g.pow(growth, cycle), steps);
    const begin = g.mul(g.sub(length, steps), 1 / (growth - 1));
    return anneal(rate, floor, g.clamp(g.div(g.sub(step, begin), length), 0, 1));
  };
}

/** (rate - end) * (1 - step / steps) ^ power + end, and `end` afterwards. */
export function polynomial(
  rate: number,
  options: { steps: number; end?: number; power?: number },
): Schedule {
  const { steps, end = 0, power = 1 } = options;
  return (step) => {
    const g = step.graph;
    const left = g.sub(1, g.clamp(g.div(step, steps), 0, 1));
    const share = power === 1 ? left : g.pow(left, power);
    return g.add(g.mul(share, rate - end), end);
  };
}

/**
 * Up to the peak and down to next to nothing, both by cosine, in so many steps (Smith and Topin, 2018; the defaults are
 * PyTorch's): from peak / 25 over the first 30 % of the steps, then down to peak / 250,000.
 */
export function oneCycle(
  peak: number,
  options: { steps: number; rise?: number; startFactor?: number; endFactor?: number },
): Schedule {
  const { steps, rise = 0.3, startFactor = 25, endFactor = 1e4 } = options;
  const start = peak / startFactor;
  const top = rise * steps - 1;
  return (step) => {
    const g = step.graph;
    const up = g.clamp(g.div(step, Math.max(top, 1)), 0, 1);
    const down = g.clamp(g.div(g.sub(step, top), Math.max(steps - 1 - top, 1)), 0, 1);
    const rising = anneal(start, peak, up);
    return g.where(g.less(step, top), rising, anneal(peak, start / endFactor, down));
  };
}

/** rates[i] up to the step boundaries[i], the last one from then on. */
export function piecewise(boundaries: readonly number[], rates: readonly number[]): Schedule {
  const rising = boundaries.every((at, i) => i === 0 || at > (boundaries[i - 1] as number));
  if (rates.length !== boundaries.length + 1 || !rising) {
    throw new EngineError(
      'invalid_attribute',
      'piecewise',
      'takes boundaries that rise, and one rate more than boundaries',
    );
  }
  return (step) => {
    const g = step.graph;
    return boundaries.reduceRight<Node>(
      (later, at, i) => g.where(g.less(step, at), rates[i] as number, later),
      g.constant(rates[boundaries.length] as number),
    );
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

// Half a cosine from one rate to another, by a share from 0 to 1.
function anneal(from: number, to: number, share: Node): Node {
  const g = share.graph;
  return g.add(g.mul(cosineOfPi(share), (from - to) / 2), (from + to) / 2);
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
