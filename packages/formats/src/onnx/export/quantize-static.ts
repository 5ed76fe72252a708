import { dataTypes } from '../proto.ts';
import type { NodeOut, TensorOut } from './graph-writer.ts';
import type { OnnxModel } from './onnx-model.ts';
import { dequantizeNode, quantizedWeight } from './quantized-weight.ts';
import { floatsOf, floatTensor, pruned, rawTensor } from './tensor-proto.ts';

/** The least and the greatest number that a value had on the calibration set. */
export type Range = readonly [low: number, high: number];

const products = new Set(['Conv', 'Gemm', 'MatMul']);
/** What runtimes run on integers between products, so that nothing goes back to f32 there. */
const between = new Set(['Add', 'MaxPool', 'Concat']);
const activations = new Set(['Relu', 'Clip']);

/**
 * The values to quantise: what goes into products and what they give (behind the activation that belongs to them), and what
 * goes in and out of what lies between them. The network's own outputs stay in f32.
 */
export function valuesToQuantize(model: OnnxModel): string[] {
  const tensors = new Set(model.tensors.map(({ name }) => name));
  const ends = new Set(model.outputs.map(({ name }) => name as string));
  const readers = readersOf(model);
  const chosen = new Set<string>();
  const choose = (name: string | undefined) => {
    if (name && !tensors.has(name) && !leadsOut(name)) chosen.add(name);
  };
  for (const node of model.nodes) {
    const product = products.has(node.opType) && tensors.has(node.input[1] ?? '');
    // What adds or joins quantised values has f32 on all sides.
    const joins = between.has(node.opType) && node.input.some((name) => chosen.has(name));
    if (!product && !joins) continue;
    for (const input of node.input) choose(input);
    const [output = ''] = node.output;
    const [next, ...others] = readers.get(output) ?? [];
    const joined = next && others.length === 0 && activations.has(next.opType);
    choose(joined ? next.output[0] : output);
  }
  return [...chosen];

  function leadsOut(name: string): boolean {
    const next = readers.get(name) ?? [];
    const named = (node: NodeOut) => node.opType === 'Identity' && ends.has(node.output[0] ?? '');
    return ends.has(name) || next.every(named);
  }
}

function readersOf(model: OnnxModel): Map<string, NodeOut[]> {
  const readers = new Map<string, NodeOut[]>();
  for (const node of model.nodes) {
    for (const input of node.input) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  return readers;
}

/**
 * Eight bits by the ranges of a calibration set: activations unsigned with a zero point, weights signed with a scale a
 * channel, biases in 32 bits; written as pairs of QuantizeLinear and DequantizeLinear, which runtimes join with what lies
 * between into integer kernels (the QDQ form).
 */
export function quantizeStatic(model: OnnxModel, ranges: ReadonlyMap<string, Range>): OnnxModel {
  const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const scales = new Map<string, number>();
  const nodes: NodeOut[] = [];
  for (const { name } of model.inputs) nodes.push(...pairFor(name as string));
  for (const node of model.nodes) {
    const quantized = withWeights(node);
    nodes.push({
      ...quantized,
      input: quantized.input.map((name) => (scales.has(name) ? `${name}.near` : name)),
    });
    for (const output of node.output) nodes.push(...pairFor(output));
  }
  return pruned({ ...model, nodes, tensors: [...tensors.values()] });

  function keep(tensor: TensorOut): string {
    tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  /** Quantises a value and gives it back as NAME.near, for all who read it. */
  function pairFor(name: string): NodeOut[] {
    const range = ranges.get(name);
    if (!range) return [];
    const low = Math.min(0, range[0]);
    const scale = Math.max(Math.max(0, range[1]) - low, 1e-6) / 255;
    const zero = Math.max(0, Math.min(255, Math.round(-low / scale)));
    scales.set(name, Math.fround(scale));
    const by = [
      keep(floatTensor(`${name}.scale`, [], Float32Array.of(scale))),
      keep(rawTensor(`${name}.zero`, [], dataTypes.uint8, Uint8Array.of(zero))),
    ];
    const codes = `${name}.codes`;
    return [
      {
        opType: 'QuantizeLinear',
        name: codes,
        input: [name, ...by],
        output: [codes],
        attribute: [],
      },
      {
        opType: 'DequantizeLinear',
        name: `${name}.near`,
        input: [codes, ...by],
        output: [`${name}.near`],
        attribute: [],
      },
    ];
  }

  function withWeights(node: NodeOut): NodeOut {
    const weight = tensors.get(node.input[1] ?? '');
    const scale = scales.get(node.input[0] ?? '');
    if (
      !products.has(node.opType) ||
      !weight ||
      weight.dataType !== dataTypes.float ||
      scale === undefined
    ) {
      return node;
    }
    const axis = node.opType === 'Conv' ? 0 : weight.dims.length - 1;
    const quantized = quantizedWeight(weight, axis);
    for (const part of [quantized.codes, quantized.scales, quantized.zero]) keep(part);
    const near = `${weight.name}.near`;
    if (!nodes.some(({ output }) => output[0] === near))
      nodes.push(dequantizeNode(near, quantized, axis));
    const input = [node.input[0] as string, near];
    const bias = tensors.get(node.input[2] ?? '');
    if (bias) input.push(quantizedBias(node, bias, quantized.scale, scale));
    else if (node.input[2]) input.push(node.input[2]);
    return { ...node, input };
  }

  /** In steps of the product of both scales: what sums of codes count in. */
  function quantizedBias(
    node: NodeOut,
    bias: TensorOut,
    weights: Float32Array,
    input: number,
  ): string {
    const name = `${node.output[0]}.bias`;
    const steps = weights.map((scale) => scale * input);
    const codes = Int32Array.from(floatsOf(bias), (value, i) => {
      return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.round(value / (steps[i] ?? 1))));
    });
    const inputs = [
      keep(rawTensor(`${name}.codes`, bias.dims, dataTypes.int32, codes)),
      keep(floatTensor(`${name}.scales`, [steps.length], steps)),
      keep(
        rawTensor(`${name}.zeros`, [steps.length], dataTypes.int32, new Int32Array(steps.length)),
      ),
    ];
    const attribute = [{ name: 'axis', type: 2, i: 0 }];
    nodes.push({ opType: 'DequantizeLinear', name, input: inputs, output: [name], attribute });
    return name;
  }
}
