import type { DType, Tensor } from '@vanda/engine';
import type { AttributeProto, NodeProto, TensorProto, Writable } from '../proto.ts';
import { attributeTypes, dataTypes } from '../proto.ts';

/** A float where a bare number would be taken for a whole one. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type AttributeValue = number | string | readonly number[] | Float;
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type NodeOut = Writable<NodeProto> & { input: string[]; output: string[]; opType: string };
export type TensorOut = Omit<Writable<TensorProto>, 'name' | 'dims' | 'dataType'> & {
  name: string;
  dims: number[];
  dataType: number;
};

export const dataTypeOf: Readonly<Record<DType, number>> = {
  f32: dataTypes.float,
  i32: dataTypes.int32,
  i64: dataTypes.int64,
  u8: dataTypes.uint8,
  bool: dataTypes.bool,
};

/** Collects the nodes and tensors of a graph of ONNX; no two values get one name. */
export class GraphWriter {
  readonly nodes: NodeOut[] = [];
  readonly tensors: TensorOut[] = [];
  readonly #names = new Set<string>();

  /** The name itself where it is free, or with a number behind it. */
  fresh(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#names.has(name); i += 1) name = `${wanted}_${i}`;
    this.#names.add(name);
    return name;
  }

  /** Appends a node; gives the names of its outputs. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    outputs: readonly string[] = [this.fresh(opType.toLowerCase())],
  ): readonly string[] {
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    const name = outputs.find((output) => output !== '') ?? opType;
    this.nodes.push({ opType, name, input: [...inputs], output: [...outputs], attribute });
    return outputs;
  }

  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.node(opType, inputs, attributes)[0] as string;
  }

  tensor(name: string, value: Tensor): string {
    const unique = this.fresh(name);
    this.tensors.push(tensorProto(unique, value));
    return unique;
  }

  int64s(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const data = BigInt64Array.from(values, (value) => {
      return value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value);
    });
    return this.tensor('numbers', { dtype: 'i64', shape, data });
  }

  scalar(value: number): string {
    return this.tensor('number', { dtype: 'f32', shape: [], data: Float32Array.of(value) });
  }
}

function tensorProto(name: string, { dtype, shape, data }: Tensor): TensorOut {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims: [...shape], dataType: dataTypeOf[dtype], rawData };
}

function attributeOf(name: string, value: AttributeValue): Writable<AttributeProto> {
  if (value instanceof Float) return { name, type: attributeTypes.f, f: value.value };
  if (typeof value === 'number') return { name, type: attributeTypes.i, i: value };
  if (typeof value === 'string') {
    return { name, type: attributeTypes.s, s: new TextEncoder().encode(value) };
  }
  return { name, type: attributeTypes.ints, ints: [...value] };
}
