import type { CompletedModel } from '@vanda/contracts';
import { type Graph, type Node, nn, type Tensor, tensor } from '@vanda/engine';
import { activationOf, hiddenLayers } from '../fit/layers.ts';
import { SeededRandom } from '../random.ts';
import { categoryRows, encodedWidths, type TablePreprocessing } from './preprocessing.ts';

/** Numbers that a learned embedding has for each value. */
const embeddingWidth = 8;

export interface TableNetwork {
  /** Placeholders by name: those of numeric, oneHot and embedding that the table has. */
  inputs: Record<string, Node>;
  /** [rows, outputs]: logits, or the scaled target. */
  apply(mode: { training: boolean }): Node;
}

/**
 * A linear or hidden-layer model over encoded rows. The one-hot columns are never spread out: their part of the
 * first layer is a sum of looked-up weight rows, the same arithmetic for a fraction of the memory.
 */
export function tableNetwork(
  graph: Graph,
  preprocessing: TablePreprocessing,
  model: CompletedModel,
  outputs: number,
  seed: number,
): TableNetwork {
  const { numeric, oneHot, embedding } = encodedWidths(preprocessing);
  const linear = model.kind !== 'mlp';
  const firstUnits = linear ? outputs : (model.hidden[0] ?? outputs);
  const inputs: Record<string, Node> = {};
  if (numeric > 0) inputs.numeric = graph.placeholder('numeric', [null, numeric], 'f32');
  if (oneHot.columns > 0) {
    inputs.oneHot = graph.placeholder('oneHot', [null, oneHot.columns], 'i32');
  }
  if (embedding.columns > 0) {
    inputs.embedding = graph.placeholder('embedding', [null, embedding.columns], 'i32');
  }
  const denseInputs = numeric + (linear ? 0 : embedding.columns * embeddingWidth);
  const active = denseInputs + oneHot.columns + (linear ? embedding.columns : 0);
  const scale = Math.sqrt(6 / (active + firstUnits));
  const random = new SeededRandom(seed);
  const weightRows = (kind: 'oneHot' | 'embedding', rows: number) =>
    graph.variable(
      `first/${kind}`,
      [rows, firstUnits],
      startRows(preprocessing, kind, rows, firstUnits, scale, random),
    );
  const weights = {
    dense:
      denseInputs > 0
        ? graph.variable('first/weight', [denseInputs, firstUnits], { kind: 'uniform', scale })
        : null,
    bias: graph.variable('first/bias', [firstUnits], { kind: 'zeros' }),
    oneHot: oneHot.columns > 0 ? weightRows('oneHot', oneHot.rows) : null,
    embeddingRows: linear && embedding.columns > 0 ? weightRows('embedding', embedding.rows) : null,
    embedding:
      !linear && embedding.columns > 0
        ? graph.variable('embedding/table', [embedding.rows, embeddingWidth], {
            kind: 'uniform',
            scale: 0.1,
          })
        : null,
  };
  const rest = linear
    ? null
    : nn.sequential([
        nn.activation(activationOf(model)),
        ...(model.dropout > 0 ? [nn.dropout(model.dropout)] : []),
        ...hiddenLayers(model, 1),
        nn.dense(outputs),
      ]);
  const apply = (mode: { training: boolean }): Node => {
    const parts: Node[] = [];
    if (inputs.numeric) parts.push(inputs.numeric);
    if (inputs.embedding && weights.embedding) {
      const looked = graph.gather(weights.embedding, inputs.embedding);
      parts.push(graph.reshape(looked, [0, embedding.columns * embeddingWidth]));
    }
    const sums: Node[] = [];
    const [part, ...others] = parts;
    if (part && weights.dense) {
      const x = others.length > 0 ? graph.concat(parts, 1) : part;
      sums.push(graph.dense(x, weights.dense, weights.bias));
    }
    if (inputs.oneHot && weights.oneHot) {
      sums.push(graph.sum(graph.gather(weights.oneHot, inputs.oneHot), 1));
    }
    if (inputs.embedding && weights.embeddingRows) {
      sums.push(graph.sum(graph.gather(weights.embeddingRows, inputs.embedding), 1));
    }
    if (weights.dense === null) sums.push(weights.bias);
    const first = sums.reduce((sum, next) => graph.add(sum, next));
    return rest === null ? first : rest.apply(first, mode);
  };
  return { inputs, apply };
}

/** Uniform, but zero for the unknown bucket: a value that training never saw then adds nothing. */
function startRows(
  { features }: TablePreprocessing,
  encoding: 'oneHot' | 'embedding',
  rows: number,
  units: number,
  scale: number,
  random: SeededRandom,
): Tensor {
  const data = new Float32Array(rows * units);
  for (let index = 0; index < data.length; index++) data[index] = (random.next() * 2 - 1) * scale;
  let row = 0;
  for (const rule of features) {
    if (rule.kind !== 'category' || rule.encoding !== encoding) continue;
    data.fill(0, row * units, (row + 1) * units);
    row += categoryRows(rule);
  }
  return tensor(data, [rows, units]);
}
