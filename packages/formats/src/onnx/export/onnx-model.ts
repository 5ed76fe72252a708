import type { ValueInfoProto, Writable } from '../proto.ts';
import type { NodeOut, TensorOut } from './graph-writer.ts';

/** A model of ONNX before it is bytes: what passes over the exported graph take and give. */
export interface OnnxModel {
  readonly nodes: readonly NodeOut[];
  readonly tensors: readonly TensorOut[];
  readonly inputs: readonly Writable<ValueInfoProto>[];
  readonly outputs: readonly Writable<ValueInfoProto>[];
  readonly metadata: Readonly<Record<string, string>>;
}
