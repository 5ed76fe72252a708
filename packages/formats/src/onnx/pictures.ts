import type { GraphProto } from './proto.ts';

/** Operators that read [N, C, places...]. */
const readers = new Set([
  'AveragePool',
  'BatchNormalization',
  'Conv',
  'ConvTranspose',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'GridSample',
  'GroupNormalization',
  'InstanceNormalization',
  'LRN',
  'MaxPool',
  'Resize',
]);

/** Operators behind which a picture is still one. */
const keepers = new Set([
  'Add',
  'Cast',
  'Clip',
  'Concat',
  'Div',
  'Gather',
  'Identity',
  'Mul',
  'Pad',
  'QuantizeLinear',
  'DequantizeLinear',
  'Slice',
  'Split',
  'Sub',
  'Unsqueeze',
]);

/** The inputs whose first reader, behind what keeps a picture one, takes channels first: they lie channels-last here. */
export function picturesOf(graph: GraphProto): ReadonlySet<string> {
  const origin = new Map(graph.input.map(({ name }) => [name, name]));
  const pictures = new Set<string>();
  for (const node of graph.node) {
    const from =
      origin.get(node.input[0] ?? '') ??
      (node.opType === 'Concat' ? firstKnown(origin, node.input) : undefined);
    if (from === undefined) continue;
    if (readers.has(node.opType)) pictures.add(from);
    else if (keepers.has(node.opType)) for (const output of node.output) origin.set(output, from);
  }
  return pictures;
}

function firstKnown(
  origin: ReadonlyMap<string, string>,
  names: readonly string[],
): string | undefined {
  return names.map((name) => origin.get(name)).find((name) => name !== undefined);
}
