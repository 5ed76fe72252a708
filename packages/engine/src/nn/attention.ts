import { EngineError } from '../engine-error.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';
import type { Activation } from './activation.ts';
import { dense } from './dense.ts';
import type { Layer, Mode, Named } from './layer.ts';
import { Built, knownDim, SEQUENCES } from './layer.ts';
import { layerNormalization } from './normalization.ts';
import { dropout } from './regularization.ts';

export interface AttentionLayerOptions extends Named {
  /** Of values; the keys' by default. */
  valueDim?: number;
  /** Step t looks at steps 0..t only. */
  causal?: boolean;
  useBias?: boolean;
}

/** Attention with learned projections; the mode's mask [N, S] says at which steps it may look. */
export interface AttentionLayer extends Layer {
  /** Query [N, T, C] looks at value [N, S, D] (and its own key, where given) -> [N, T, C]. With weights of its own. */
  attend(query: Node, value: Node, mode: Mode, key?: Node): Node;
}

/**
 * Vaswani et al., 2017. Applied to one sequence [N, T, C] it looks at itself, and query, key and value are one product:
 * the columns of its weight are those of query, key and value, each head by head.
 */
export function multiHeadAttention(
  heads: number,
  keyDim: number,
  options: AttentionLayerOptions = {},
): AttentionLayer {
  const valueDim = options.valueDim ?? keyDim;
  for (const value of [heads, keyDim, valueDim]) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new EngineError(
        'invalid_attribute',
        'multiHeadAttention',
        'heads, keyDim and valueDim must be whole numbers of at least 1',
      );
    }
  }
  const project = (units: number, part: string) =>
    new Built(`attention_${part}`, (graph, name, x) =>
      projection(graph, name, knownDim(x, -1, 'multiHeadAttention'), units, options),
    );
  const joined = project(3 * heads * keyDim, 'qkv');
  const queries = project(heads * keyDim, 'query');
  const keys = project(heads * keyDim, 'key');
  const values = project(heads * valueDim, 'value');
  const outputs = new Built('attention_out', (graph, name, x) =>
    projection(graph, name, heads * valueDim, knownDim(x, -1, 'multiHeadAttention'), options),
  );
  const attend = (query: Node, value: Node, mode: Mode, key = value): Node => {
    const parts = [queries.on(query)(query), keys.on(key)(key), values.on(value)(value)] as const;
    const attended = query.graph.attention(...parts, {
      heads,
      causal: options.causal,
      mask: mode.mask,
    });
    return outputs.on(query)(attended);
  };
  return {
    kind: 'multiHeadAttention',
    name: options.name,
    takes: SEQUENCES,
    attend,
    apply(x, mode) {
      if (valueDim !== keyDim) return attend(x, x, mode);
      const settings = { heads, causal: options.causal, mask: mode.mask };
      return outputs.on(x)(x.graph.selfAttention(joined.on(x)(x), settings));
    },
  };
}

export interface TransformerEncoderOptions extends Named {
  activation?: Activation;
  dropout?: number;
  /** Of the normalisations. */
  epsilon?: number;
  /** Normalises what goes into each part; otherwise the sum that comes out of it. */
  normalizeFirst?: boolean;
  causal?: boolean;
}

/** Self-attention and a feed-forward network of `hidden` units, each with a residual and a normalisation: [N, T, C] -> [N, T, C]. */
export function transformerEncoder(
  hidden: number,
  heads: number,
  options: TransformerEncoderOptions = {},
): Layer {
  const norm = () => layerNormalization({ epsilon: options.epsilon ?? 1e-5 });
  const drop = dropout(options.dropout ?? 0);
  let parts: { attention: Layer; forward: Layer[]; norms: [Layer, Layer] } | undefined;
  const make = (width: number) => ({
    attention: multiHeadAttention(heads, width / heads, { causal: options.causal }),
    forward: [dense(hidden, { activation: options.activation ?? 'relu' }), dense(width)],
    norms: [norm(), norm()] as [Layer, Layer],
  });
  return {
    kind: 'transformerEncoder',
    name: options.name,
    takes: SEQUENCES,
    apply(x, mode) {
      const width = knownDim(x, -1, 'transformerEncoder');
      if (width % heads !== 0) {
        throw new EngineError(
          'shape_mismatch',
          'transformerEncoder',
          `${width} features do not divide among ${heads} heads`,
        );
      }
      parts ??= make(width);
      const { attention, forward, norms } = parts;
      const part = (input: Node, normalize: Layer, run: (value: Node) => Node) => {
        const inner = run(options.normalizeFirst ? normalize.apply(input, mode) : input);
        const sum = input.graph.add(input, drop.apply(inner, mode));
        return options.normalizeFirst ? sum : normalize.apply(sum, mode);
      };
      const attended = part(x, norms[0], (value) => attention.apply(value, mode));
      return part(attended, norms[1], (value) =>
        forward.reduce((inner, layer) => layer.apply(inner, mode), value),
      );
    },
  };
}

/** Adds a learned vector to each place of a sequence: [N, T, C] -> [N, T, C]. */
export function positionEmbedding(options: Named = {}): Layer {
  const built = new Built('position_embedding', (graph, name, x) =>
    graph.variable(
      `${name}/places`,
      [knownDim(x, 1, 'positionEmbedding'), knownDim(x, 2, 'positionEmbedding')],
      { kind: 'uniform', scale: 0.05 },
    ),
  );
  return {
    kind: 'positionEmbedding',
    name: options.name,
    takes: SEQUENCES,
    apply: (x) => x.graph.add(x, built.on(x)),
  };
}

type Projection = (x: Node) => Node;

function projection(
  graph: Graph,
  name: string,
  width: number,
  units: number,
  options: AttentionLayerOptions,
): Projection {
  const weight = graph.variable(`${name}/weight`, [width, units], { kind: 'glorotUniform' });
  const bias =
    options.useBias === false
      ? undefined
      : graph.variable(`${name}/bias`, [units], { kind: 'zeros' });
  return (value) => graph.dense(value, weight, bias);
}
