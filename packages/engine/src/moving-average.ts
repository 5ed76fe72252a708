import { EngineError } from './engine-error.ts';
import type { Node } from './node.ts';
import type { Optimizer } from './optimizer.ts';
import { gradientsOf, slotOf } from './optimizer.ts';
import type { Session } from './session.ts';
import type { Tensor } from './tensor.ts';

const PREFIX = 'average/';

/**
 * Keeps an exponential moving average of every trained variable: average += (1 - decay) * (variable - average), after
 * each update. It begins with what the first update leaves and, unless `fromStart` is false, follows faster at first: the
 * decay after t updates is at most t / (9 + t), so that the beginnings are soon forgotten.
 */
export function movingAverage(
  optimizer: Optimizer,
  options: { decay?: number; fromStart?: boolean } = {},
): Optimizer {
  const decay = options.decay ?? 0.999;
  if (!(decay >= 0 && decay < 1)) {
    throw new EngineError(
      'invalid_attribute',
      'movingAverage',
      'decay must be at least 0 and below 1',
    );
  }
  const apply: Optimizer['apply'] = (gradients, { every = 1 } = {}) => {
    const updates = optimizer.apply(gradients, { every });
    const averages = gradients.map(({ variable }) => {
      const average = slotOf('average', variable);
      return variable.graph.emitEffect('apply_average', [average, counter(variable), variable], {
        decay,
        fromStart: options.fromStart ?? true,
        every,
      });
    });
    return [...updates, ...averages];
  };
  return {
    name: optimizer.name,
    apply,
    minimize: (loss, of = {}) => apply(gradientsOf(loss, of)),
  };
}

/** How many updates an average has seen: it may have begun in the middle of a training. */
function counter(variable: Node): Node {
  const graph = variable.graph;
  const name = `averaged/${variable.name}`;
  if (graph.has(name)) return graph.byName(name);
  return graph.variable(name, [], { kind: 'zeros' }, { trainable: false });
}

/** The averages of a session, by the names of the variables: to be saved or assigned in their place. */
export function averages(session: Session): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(session.variables())
      .filter(([name]) => name.startsWith(PREFIX))
      .map(([name, value]) => [name.slice(PREFIX.length), value]),
  );
}

/** Runs `body` with the averages in place of the variables, and puts the variables back; not while training. */
export async function withAverages<T>(session: Session, body: () => Promise<T>): Promise<T> {
  const averaged = averages(session);
  const all = session.variables();
  const own = Object.fromEntries(Object.keys(averaged).map((name) => [name, all[name] as Tensor]));
  session.assign(averaged);
  try {
    return await body();
  } finally {
    session.assign(own);
  }
}
