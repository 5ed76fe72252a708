import type { Initializer } from '../initializer.ts';
import type { Layer, Named } from './layer.ts';
import { Built, INDICES } from './layer.ts';

export interface EmbeddingOptions extends Named {
  init?: Initializer;
}

function table(kind: string, count: number, dim: number, options: EmbeddingOptions) {
  return new Built(kind, (graph, name) =>
    graph.variable(`${name}/table`, [count, dim], options.init ?? { kind: 'uniform', scale: 0.05 }),
  );
}

/** Integer indices [...] -> [..., dim]. */
export function embedding(count: number, dim: number, options: EmbeddingOptions = {}): Layer {
  const built = table('embedding', count, dim, options);
  return {
    kind: 'embedding',
    name: options.name,
    takes: INDICES,
    apply: (x) => x.graph.gather(built.on(x), x),
  };
}

/** Integer indices [..., L] -> the sum or mean of their rows [..., dim]; the index `padding` (-1) stands for none. */
export function embeddingBag(
  count: number,
  dim: number,
  options: EmbeddingOptions & { mode?: 'sum' | 'mean'; padding?: number } = {},
): Layer {
  const built = table('embedding_bag', count, dim, options);
  const { mode = 'mean', padding = -1 } = options;
  return {
    kind: 'embeddingBag',
    name: options.name,
    takes: INDICES,
    apply: (x) => x.graph.embeddingBag(built.on(x), x, { mode, padding }),
  };
}
