import { VandaError } from '@vanda/contracts';
import type { Graph, Node, Tensor } from '@vanda/engine';

/** Operations that move numbers and change none. */
const moves = new Set(['reshape', 'transpose', 'squeeze', 'expand_dims', 'identity', 'cast']);
const sumTolerance = 1e-3;

/**
 * Scores [N, labels] of what a network says about pictures: its one output with a number for each label. Where those
 * are logits, softmax makes probabilities of them; one number about two labels is how sure it is of the second.
 *
 * @param answers What the network's outputs were for made-up pictures, one at a time.
 * @throws VandaError 'bad-data' where no output fits the labels.
 */
export function classScores(
  graph: Graph,
  outputs: Readonly<Record<string, Node>>,
  labels: readonly string[],
  answers: readonly Readonly<Record<string, Tensor>>[],
): Node {
  const sizes = Object.entries(outputs).map(([name, node]) => ({
    name,
    node,
    numbers: answers.map((answer) => answer[name]?.data as Float32Array),
  }));
  const binary = labels.length === 2;
  const floats = sizes.filter(({ node }) => node.dtype === 'f32');
  const exact = floats.filter(({ numbers }) => numbers[0]?.length === labels.length);
  const single = binary ? floats.filter(({ numbers }) => numbers[0]?.length === 1) : [];
  const [chosen, another] = exact.length > 0 ? exact : single;
  if (chosen === undefined || another !== undefined) throw misfit(sizes, labels.length);
  const { node, numbers } = chosen;
  const first = node.shape[0] ?? -1;
  const flat = graph.reshape(node, [first, numbers[0]?.length ?? 1]);
  if (exact.length === 0) {
    const sure = isSquashed(graph, node) ? flat : graph.sigmoid(flat);
    return graph.concat([graph.sub(1, sure), sure], 1);
  }
  const probabilities = isSquashed(graph, node) || numbers.every(sumsToOne);
  return probabilities ? flat : graph.softmax(flat);
}

function sumsToOne(numbers: Float32Array): boolean {
  const sum = numbers.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) < sumTolerance && numbers.every((value) => value >= 0);
}

/** Whether the last thing that is computed is a softmax or a sigmoid. */
function isSquashed(graph: Graph, output: Node): boolean {
  const { nodes, outputs } = graph.toJSON([output]);
  type Step = { op: string; inputs?: [number, number][]; attributes?: { activation?: string } };
  let at = outputs[0]?.[0] ?? 0;
  let step = nodes[at] as Step;
  while (moves.has(step.op)) {
    at = step.inputs?.[0]?.[0] ?? 0;
    step = nodes[at] as Step;
  }
  return (
    /^(softmax|sigmoid|hard_sigmoid)$/.test(step.op) || step.attributes?.activation === 'sigmoid'
  );
}

function misfit(
  outputs: readonly { name: string; numbers: readonly { length: number }[] }[],
  labels: number,
): VandaError {
  const list = outputs.map(({ name, numbers }) => `"${name}" has ${numbers[0]?.length}`).join(', ');
  return new VandaError(
    'bad-data',
    `labels: there are ${labels}, and they must be as many as the numbers of one output of the model: ${list}.`,
  );
}
