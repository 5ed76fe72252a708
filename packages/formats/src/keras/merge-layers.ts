import type { Node } from '@vanda/engine';
import type { LayerCall, LayerRule, Value } from './layer-rule.ts';

const INPUTS_MAX = 10_000;

function folding(fold: (a: Node, b: Node) => Node, most = INPUTS_MAX): LayerRule {
  return many((nodes) => nodes.reduce(fold), most);
}

function many(
  join: (nodes: Node[], call: LayerCall) => Node,
  most = INPUTS_MAX,
  least = most === 2 ? 2 : 1,
): LayerRule {
  return {
    inputs: [least, most],
    mask: 'refused',
    apply: (call) =>
      join(
        call.inputs.map(({ node }: Value) => node),
        call,
      ),
  };
}

/** Written with an operator, as in `x * 0.5`, it has plain numbers among its inputs; their place does not matter. */
function withNumbers(rule: LayerRule, fold: (x: Node, number: number) => Node): LayerRule {
  const apply = (call: LayerCall) => call.numbers.reduce(fold, rule.apply(call) as Node);
  return { ...rule, numbers: true, apply };
}

/** Inputs of fewer axes get theirs behind the batch, as Keras' merging layers give them. */
function aligned(a: Node, b: Node): [Node, Node] {
  const widen = (x: Node, rank: number): Node =>
    x.shape.length >= rank ? x : widen(x.graph.expandDims(x, 1), rank);
  return [widen(a, b.shape.length), widen(b, a.shape.length)];
}

const sum = (a: Node, b: Node) => a.graph.add(...aligned(a, b));

function dot(a: Node, b: Node, { config }: LayerCall): Node {
  const field = config.get('axes');
  const axes = field.wholes(-8, { length: 2 });
  const [first, second] = axes.map((axis, i) => last([a, b][i] as Node, axis));
  if (!first || !second) field.fail('sums over axis 1 of vectors, or over axis 1 or 2 of matrices');
  const normalized = config.get('normalize').flag(false);
  const [x, y] = [first, second].map((node) => (normalized ? unit(node as Node) : node)) as [
    Node,
    Node,
  ];
  if (x.shape.length !== y.shape.length) field.fail('the inputs differ in their number of axes');
  if (x.shape.length === 2) return x.graph.sum(x.graph.mul(x, y), 1, true);
  return x.graph.matmul(x, y, { transposeB: true });
}

/** With that axis as the last one. */
function last(x: Node, axis: number): Node | undefined {
  const rank = x.shape.length;
  const place = axis < 0 ? axis + rank : axis;
  if (rank < 2 || rank > 3 || place < 1 || place >= rank) return undefined;
  return place === rank - 1 ? x : x.graph.transpose(x, [0, 2, 1]);
}

function unit(x: Node): Node {
  const g = x.graph;
  return g.mul(x, g.rsqrt(g.maximum(g.sum(g.square(x), -1, true), 1e-12)));
}

export const mergeLayers: Record<string, LayerRule> = {
  Add: withNumbers(folding(sum), (x, number) => x.graph.add(x, number)),
  Subtract: folding((a, b) => a.graph.sub(...aligned(a, b)), 2),
  Multiply: withNumbers(
    folding((a, b) => a.graph.mul(...aligned(a, b))),
    (x, number) => x.graph.mul(x, number),
  ),
  Maximum: folding((a, b) => a.graph.maximum(...aligned(a, b))),
  Minimum: folding((a, b) => a.graph.minimum(...aligned(a, b))),
  Average: many((nodes) => {
    const total = nodes.reduce(sum);
    return total.graph.mul(total, 1 / nodes.length);
  }),
  Concatenate: many((nodes, { config }) => {
    const field = config.get('axis');
    const axis = field.whole(-8, -1);
    const rank = nodes[0]?.shape.length ?? 0;
    if (axis === 0 || axis === -rank)
      field.fail('pictures of one batch cannot be put behind another');
    return (nodes[0] as Node).graph.concat(nodes, axis);
  }),
  Dot: many(([a, b], call) => dot(a as Node, b as Node, call), 2),
};
