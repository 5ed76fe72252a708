import type { AttributeProto, ModelProto, NodeProto, TensorProto, Writable } from './proto.ts';
import { attributeTypes, dataTypes } from './proto.ts';
import { modelType } from './schema.ts';

type Node = Writable<NodeProto>;
type Tensor = Writable<TensorProto>;

/** A model of a few nodes, for tests: one f32 input x of [batch, 4], one output y. */
export function tinyModel(
  of: {
    nodes?: Node[];
    initializers?: Tensor[];
    shape?: (number | string)[];
    opset?: number;
    domain?: string;
    inputs?: NonNullable<Writable<ModelProto['graph']>>['input'];
  } = {},
): Uint8Array {
  const dim = (of.shape ?? ['batch', 4]).map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: size },
  );
  const tensorType = { elemType: dataTypes.float, shape: { dim } };
  const model: Writable<ModelProto> = {
    irVersion: 8,
    opsetImport: [{ domain: of.domain ?? '', version: of.opset ?? 17 }],
    graph: {
      name: 'tiny',
      node: of.nodes ?? [node('Relu', ['x'], ['y'])],
      initializer: of.initializers ?? [],
      input: of.inputs ?? [{ name: 'x', type: { tensorType } }],
      output: [{ name: 'y', type: { tensorType: { elemType: dataTypes.float } } }],
    },
  };
  return modelType.encode(model).finish();
}

export function node(
  opType: string,
  input: string[],
  output: string[],
  attribute: Writable<AttributeProto>[] = [],
): Node {
  return { opType, input, output, name: `${opType}_of_test`, attribute };
}

export function ints(name: string, ...values: number[]): Writable<AttributeProto> {
  return { name, type: attributeTypes.ints, ints: values };
}

export function floats(name: string, dims: number[], values: number[]): Tensor {
  const rawData = new Uint8Array(Float32Array.from(values).buffer);
  return { name, dims, dataType: dataTypes.float, rawData };
}

export function int64s(name: string, dims: number[], values: number[]): Tensor {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims, dataType: dataTypes.int64, rawData };
}
