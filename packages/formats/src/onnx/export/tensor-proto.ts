import type { Tensor } from '@vanda/engine';
import { dataTypes } from '../proto.ts';
import type { TensorOut } from './graph-writer.ts';
import type { OnnxModel } from './onnx-model.ts';

/** The numbers of an f32 tensor; a view of bytes at any place becomes an array of its own. */
export function floatsOf({ rawData }: TensorOut): Float32Array {
  return new Float32Array(new Uint8Array(rawData as Uint8Array).buffer);
}

export function rawTensor(
  name: string,
  dims: readonly number[],
  dataType: number,
  data: Exclude<Tensor['data'], BigInt64Array> | Int8Array | Uint16Array,
): TensorOut {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims: [...dims], dataType, rawData };
}

export function floatTensor(name: string, dims: readonly number[], data: Float32Array): TensorOut {
  return rawTensor(name, dims, dataTypes.float, data);
}

/** Without tensors that no node reads. */
export function pruned(model: OnnxModel): OnnxModel {
  const read = new Set(model.nodes.flatMap((node) => node.input));
  return { ...model, tensors: model.tensors.filter(({ name }) => read.has(name)) };
}
