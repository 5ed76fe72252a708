import protobuf from 'protobufjs';
import { FormatError } from '../format-error.ts';
import type { ModelProto } from './proto.ts';
import { modelType } from './schema.ts';

/** Fields and packed numbers in one file: far above a real network, and what bounds the memory of its decoded form. */
const FIELDS_MAX = 1 << 21;

/** A model file without its tensors' numbers, which stay views of `bytes`. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  try {
    countFields(bytes, modelType);
    return modelType.decode(bytes) as unknown as ModelProto;
  } catch (error) {
    if (error instanceof FormatError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError('ONNX', 'model', `is no protobuf message of a model (${reason})`);
  }
}

/** Walks the whole message before anything is made of it, so that a small file cannot ask for much memory. */
function countFields(bytes: Uint8Array, type: protobuf.Type): void {
  let fields = 0;
  const spend = (count: number) => {
    fields += count;
    if (fields <= FIELDS_MAX) return;
    throw new FormatError(
      'ONNX',
      'model',
      `has more than ${FIELDS_MAX} fields, the most there may be`,
    );
  };
  const reader = protobuf.Reader.create(bytes);
  const walk = (message: protobuf.Type, end: number) => {
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = message.fieldsById[tag >>> 3];
      spend(1);
      if (!field || (tag & 7) !== 2) {
        reader.skipType(tag & 7);
        continue;
      }
      const length = reader.uint32();
      const inner = reader.pos + length;
      if (inner > end) {
        throw new FormatError(
          'ONNX',
          field.name,
          `says that it has ${length} bytes, beyond the end`,
        );
      }
      if (field.resolve().resolvedType instanceof protobuf.Type) {
        walk(field.resolvedType as protobuf.Type, inner);
      } else if (field.type !== 'bytes' && field.type !== 'string') {
        spend(length);
      }
      reader.pos = inner;
    }
  };
  walk(type, bytes.length);
}
