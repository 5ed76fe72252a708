import { EngineError } from './engine-error.ts';
import type { Graph } from './graph.ts';
import type { Initializer } from './initializer.ts';
import type { Node } from './node.ts';
import type { Schedule } from './schedules.ts';
import type { Session } from './session.ts';
import { tensor } from './tensor.ts';

export interface PlateauOptions {
  /** What the rate is multiplied by. */
  factor?: number;
  /** Observations without an improvement that are waited for. */
  patience?: number;
  /** An improvement is by more than this. */
  minDelta?: number;
  /** Observations after a reduction in which none is counted. */
  cooldown?: number;
  /** The rate never falls below this. */
  floor?: number;
  /** Whether the observed value should fall (a loss) or rise (an accuracy). */
  mode?: 'min' | 'max';
  /** What the two variables are named after. */
  name?: string;
}

/**
 * Reduces the learning rate when a value that the host observes, a validation loss for instance, has stopped improving.
 * Rate and memory are variables, so a checkpoint holds them and a resumed run goes on with them.
 *
 *     const plateau = reduceOnPlateau(0.1, { factor: 0.5 });
 *     const optimizer = optim.sgd({ learningRate: plateau.schedule });
 *     plateau.observe(session, validationLoss); // after each epoch
 */
export function reduceOnPlateau(rate: number, options: PlateauOptions = {}) {
  const { factor = 0.1, patience = 10, minDelta = 1e-4, cooldown = 0, floor = 0 } = options;
  const name = options.name ?? 'plateau';
  const sign = options.mode === 'max' ? -1 : 1;
  if (!(factor > 0 && factor < 1))
    throw new EngineError('invalid_attribute', 'reduceOnPlateau', 'factor must be between 0 and 1');
  const schedule: Schedule = (step) => rateVariable(step.graph, name, rate);
  const observe = (session: Session, value: number): number => {
    const rateNode = rateVariable(session.graph, name, rate);
    const memoryNode = memoryVariable(session.graph, name);
    const now = session.runSync({}, { rate: rateNode, memory: memoryNode });
    let current = Number(now.rate.data[0]);
    // best so far (none before the first), observations waited, observations left of the cooldown
    let [seen, best, waited, cooling] = [...now.memory.data].map(Number) as [
      number,
      number,
      number,
      number,
    ];
    const signed = sign * value;
    cooling = Math.max(0, cooling - 1);
    if (seen === 0 || signed < best - minDelta) {
      best = signed;
      waited = 0;
    } else if (cooling === 0) {
      waited += 1;
    }
    if (waited > patience) {
      current = Math.max(floor, current * factor);
      cooling = cooldown;
      waited = 0;
    }
    seen = 1;
    session.assign({
      [rateNode.name]: tensor([current], []),
      [memoryNode.name]: tensor([seen, best, waited, cooling]),
    });
    return current;
  };
  return { schedule, observe };
}

function rateVariable(graph: Graph, name: string, rate: number): Node {
  return kept(graph, `${name}/rate`, [], { kind: 'constant', value: rate });
}

function memoryVariable(graph: Graph, name: string): Node {
  return kept(graph, `${name}/memory`, [4], { kind: 'zeros' });
}

function kept(graph: Graph, name: string, shape: readonly number[], init: Initializer): Node {
  if (graph.has(name)) return graph.byName(name);
  return graph.variable(name, shape, init, { trainable: false });
}
