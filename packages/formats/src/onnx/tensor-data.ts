import type { DType, Tensor, TensorData } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { TensorProto } from './proto.ts';
import { dataTypes } from './proto.ts';
import { readVarints } from './varints.ts';

/** The data types of ONNX that the engine can hold, in which of its dtypes, and how many bytes an element has. */
const held: Record<number, readonly [dtype: DType, bytes: number]> = {
  [dataTypes.float]: ['f32', 4],
  [dataTypes.float16]: ['f32', 2],
  [dataTypes.bfloat16]: ['f32', 2],
  [dataTypes.double]: ['f32', 8],
  [dataTypes.uint8]: ['u8', 1],
  [dataTypes.int8]: ['i32', 1],
  [dataTypes.int16]: ['i32', 2],
  [dataTypes.uint16]: ['i32', 2],
  [dataTypes.int32]: ['i32', 4],
  [dataTypes.uint32]: ['i64', 4],
  [dataTypes.int64]: ['i64', 8],
  [dataTypes.bool]: ['bool', 1],
};

const ELEMENTS_MAX = 2 ** 33;
const RANK_MAX = 8;

/** Which dtype of the engine holds a data type of ONNX. */
export function dtypeOfData(dataType: number, field: string): DType {
  const found = held[dataType];
  if (found) return found[0];
  const name = Object.entries(dataTypes).find(([, code]) => code === dataType)?.[0];
  throw new FormatError('ONNX', field, `the data type ${name ?? dataType} is not supported`);
}

export function bytesOfElement(dataType: number): number {
  return held[dataType]?.[1] ?? 0;
}

/** A list of dims that came from outside, as numbers that the engine can take. */
export function checkedShape(
  dims: readonly (number | { toNumber(): number })[],
  field: string,
): number[] {
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : dim.toNumber()));
  if (shape.length > RANK_MAX) {
    throw new FormatError('ONNX', field, `has ${shape.length} dims; a tensor may have ${RANK_MAX}`);
  }
  let elements = 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new FormatError('ONNX', field, `the shape [${shape.join(', ')}] has the dim ${dim}`);
    }
    elements *= dim;
    if (elements > ELEMENTS_MAX) {
      throw new FormatError('ONNX', field, `the shape [${shape.join(', ')}] has too many elements`);
    }
  }
  return shape;
}

/** A tensor of a file. `external` gives the bytes that lie in a file of their own. Sizes are checked before memory is taken. */
export function readTensor(proto: TensorProto, field: string, external?: Uint8Array): Tensor {
  const shape = checkedShape(proto.dims, `${field}.dims`);
  const dtype = dtypeOfData(proto.dataType, `${field}.data_type`);
  const elements = shape.reduce((product, dim) => product * dim, 1);
  const raw = external ?? proto.rawData;
  if (external || raw.length > 0) {
    const needed = elements * bytesOfElement(proto.dataType);
    if (raw.length !== needed) {
      const text = `[${shape.join(', ')}] needs ${needed} bytes, and there are ${raw.length}`;
      throw new FormatError('ONNX', `${field}.raw_data`, text);
    }
    return { dtype, shape, data: fromRaw(raw, proto.dataType) };
  }
  return { dtype, shape, data: fromFields(proto, field, elements) };
}

/** Little-endian elements, aligned or not. */
function fromRaw(raw: Uint8Array, dataType: number): TensorData {
  // A copy: what is read may be a view of the whole file, at an odd place.
  const bytes = new Uint8Array(raw);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytesOfElement(dataType);
  const count = bytes.length / size;
  const floats = (at: (offset: number) => number) =>
    Float32Array.from({ length: count }, (_, i) => at(i * size));
  const ints = (at: (offset: number) => number) =>
    Int32Array.from({ length: count }, (_, i) => at(i * size));
  switch (dataType) {
    case dataTypes.float:
      return new Float32Array(bytes.buffer, 0, count);
    case dataTypes.int32:
      return new Int32Array(bytes.buffer, 0, count);
    case dataTypes.int64:
      return new BigInt64Array(bytes.buffer, 0, count);
    case dataTypes.uint8:
      return bytes;
    case dataTypes.bool:
      return bytes.map((byte) => (byte === 0 ? 0 : 1));
    case dataTypes.double:
      return floats((offset) => view.getFloat64(offset, true));
    case dataTypes.float16:
      return floats((offset) => halfToNumber(view.getUint16(offset, true)));
    case dataTypes.bfloat16:
      return new Float32Array(
        Uint32Array.from({ length: count }, (_, i) => view.getUint16(i * 2, true) << 16).buffer,
      );
    case dataTypes.int8:
      return ints((offset) => view.getInt8(offset));
    case dataTypes.int16:
      return ints((offset) => view.getInt16(offset, true));
    case dataTypes.uint16:
      return ints((offset) => view.getUint16(offset, true));
    default:
      return BigInt64Array.from({ length: count }, (_, i) => BigInt(view.getUint32(i * 4, true)));
  }
}

/** The typed fields, where a tensor has no raw bytes. */
function fromFields(proto: TensorProto, field: string, elements: number): TensorData {
  const joined = (parts: readonly Uint8Array[]) =>
    parts.length === 1 ? (parts[0] as Uint8Array) : new Uint8Array(Buffer.concat(parts));
  const sized = (name: string, parts: readonly Uint8Array[], size: number): Uint8Array => {
    const bytes = joined(parts);
    if (bytes.length === elements * size) return bytes;
    throw wrongCount(`${field}.${name}`, bytes.length / size, elements);
  };
  const varints = (name: string, parts: readonly Uint8Array[]): BigInt64Array => {
    const bytes = joined(parts);
    if (bytes.length < elements) throw wrongCount(`${field}.${name}`, bytes.length, elements);
    return readVarints(bytes, elements, `${field}.${name}`);
  };
  switch (proto.dataType) {
    case dataTypes.float:
      return fromRaw(sized('float_data', proto.floatData, 4), dataTypes.float);
    case dataTypes.double:
      return fromRaw(sized('double_data', proto.doubleData, 8), dataTypes.double);
    case dataTypes.int64:
      return varints('int64_data', proto.int64Data);
    case dataTypes.uint32:
      return varints('uint64_data', proto.uint64Data);
    default: {
      const words = varints('int32_data', proto.int32Data);
      if (proto.dataType === dataTypes.float16 || proto.dataType === dataTypes.bfloat16) {
        const halves = Uint16Array.from(words, (word) => Number(word & 0xffffn));
        return fromRaw(new Uint8Array(halves.buffer), proto.dataType);
      }
      if (proto.dataType === dataTypes.bool)
        return Uint8Array.from(words, (w) => (w === 0n ? 0 : 1));
      if (proto.dataType === dataTypes.uint8) return Uint8Array.from(words, Number);
      return Int32Array.from(words, Number);
    }
  }
}

function wrongCount(field: string, there: number, needed: number): FormatError {
  return new FormatError(
    'ONNX',
    field,
    `holds ${there} elements where the shape asks for ${needed}`,
  );
}

/** IEEE 754 binary16. */
function halfToNumber(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
