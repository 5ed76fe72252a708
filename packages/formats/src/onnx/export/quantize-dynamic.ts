import { dataTypes } from '../proto.ts';
import type { NodeOut, TensorOut } from './graph-writer.ts';
import type { OnnxModel } from './onnx-model.ts';
import { dequantizeNode, quantizedWeight } from './quantized-weight.ts';
import { pruned } from './tensor-proto.ts';

/** A weight of fewer elements is not worth the nodes around it. */
const ELEMENTS_MIN = 256;

/**
 * Eight bits without calibration: products with a weight run on integers, their inputs are quantised by their own range as
 * they come; kernels of convolutions and tables of embeddings are stored in eight bits and computed with in f32.
 */
export function quantizeDynamic(model: OnnxModel): OnnxModel {
  const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const weights: NodeOut[] = [];
  const stored = new Set<string>();
  const inputs = new Map<string, readonly string[]>();
  const nodes = model.nodes.flatMap((node): NodeOut[] => {
    const weight = tensors.get(node.input[weightIndex(node)] ?? '');
    if (!weight || weight.dataType !== dataTypes.float || sizeOf(weight) < ELEMENTS_MIN)
      return [node];
    if ((node.opType === 'MatMul' || node.opType === 'Gemm') && isPlainProduct(node, weight)) {
      return integerProduct(node, weight, tensors, inputs);
    }
    const axis = storedAxis(node, weight);
    if (axis === undefined || stored.has(weight.name)) return [node];
    stored.add(weight.name);
    const quantized = quantizedWeight(weight, axis);
    for (const part of [quantized.codes, quantized.scales, quantized.zero])
      tensors.set(part.name, part);
    weights.push(dequantizeNode(weight.name, quantized, axis));
    return [node];
  });
  for (const name of stored) tensors.delete(name);
  return pruned({ ...model, nodes: [...weights, ...nodes], tensors: [...tensors.values()] });
}

function weightIndex({ opType }: NodeOut): number {
  return opType === 'Gather' ? 0 : 1;
}

function sizeOf({ dims }: TensorOut): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** The channel of a kernel's output, or the row of a table. */
function storedAxis({ opType }: NodeOut, { dims }: TensorOut): number | undefined {
  return (opType === 'Conv' && dims.length > 2) || (opType === 'Gather' && dims.length === 2)
    ? 0
    : undefined;
}

function isPlainProduct(node: NodeOut, { dims }: TensorOut): boolean {
  return dims.length === 2 && (node.attribute ?? []).length === 0;
}

/** x W = (scale of x) (scale of each column) (codes of x times codes of W). */
function integerProduct(
  node: NodeOut,
  weight: TensorOut,
  tensors: Map<string, TensorOut>,
  quantizedInputs: Map<string, readonly string[]>,
): NodeOut[] {
  const { codes, scales, zero: zeros } = quantizedWeight(weight, 1);
  tensors.set(codes.name, codes);
  tensors.set(scales.name, scales);
  tensors.set(zeros.name, zeros);
  const [x = '', , bias] = node.input;
  const [output = ''] = node.output;
  const made: NodeOut[] = [];
  const add = (
    opType: string,
    input: string[],
    names: string[],
    attribute: NodeOut['attribute'] = [],
  ) => {
    made.push({ opType, name: names[0] as string, input, output: names, attribute });
    return names;
  };
  const named = (part: string) => `${output}.${part}`;
  const known = quantizedInputs.get(x);
  const [q, scale, zero] = (known ??
    add('DynamicQuantizeLinear', [x], [`${x}.codes`, `${x}.scale`, `${x}.zero`])) as string[];
  quantizedInputs.set(x, [q, scale, zero] as string[]);
  add('MatMulInteger', [q as string, codes.name, zero as string, zeros.name], [named('integers')]);
  add('Cast', [named('integers')], [named('sums')], [{ name: 'to', type: 2, i: dataTypes.float }]);
  add('Mul', [scale as string, scales.name], [named('scale')]);
  add('Mul', [named('sums'), named('scale')], [bias ? named('product') : output]);
  if (bias) add('Add', [named('product'), bias], [output]);
  return made;
}
