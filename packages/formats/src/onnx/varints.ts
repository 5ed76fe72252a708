import { FormatError } from '../format-error.ts';

/** Exactly `count` integers in protobuf's base-128 form, as signed numbers of 64 bits. */
export function readVarints(bytes: Uint8Array, count: number, field: string): BigInt64Array {
  const result = new BigInt64Array(count);
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    let value = 0n;
    let shift = 0n;
    for (let more = true; more; shift += 7n) {
      const byte = bytes[at];
      at += 1;
      if (byte === undefined || shift > 63n) {
        throw new FormatError('ONNX', field, `ends in the middle of element ${i} of ${count}`);
      }
      value |= BigInt(byte & 127) << shift;
      more = byte > 127;
    }
    result[i] = BigInt.asIntN(64, value);
  }
  if (at === bytes.length) return result;
  throw new FormatError('ONNX', field, `holds more than the ${count} elements that its shape says`);
}
