import { type TensorField, VandaError } from '@vanda/contracts';
import type { TensorData } from '@vanda/engine';

type Refuse = (what: string) => never;

/** Bounds of whole numbers by their type; i64 as far as a number of JSON is exact. */
const ranges = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  i64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  u8: [0, 255],
} as const;

export function allocate({ dtype }: TensorField, elements: number): TensorData {
  if (dtype === 'f32') return new Float32Array(elements);
  if (dtype === 'i32') return new Int32Array(elements);
  return dtype === 'i64' ? new BigInt64Array(elements) : new Uint8Array(elements);
}

/**
 * Reads one instance of a request into the arrays of all instances: an object with a value for each input, or the
 * value alone where there is one input. A value has the shape of its field, as lists within lists; nothing is
 * allocated by what a request says.
 *
 * @throws VandaError 'invalid-request' with a sentence that names the instance and the input.
 */
export function parseTensors(
  instance: unknown,
  index: number,
  fields: readonly TensorField[],
  into: ReadonlyMap<string, { data: TensorData; from: number }>,
): void {
  const values = valuesOf(instance, index, fields);
  for (const field of fields) {
    const target = into.get(field.name);
    if (target === undefined) continue;
    const { data } = target;
    let at = target.from;
    const refuse: Refuse = (what) => {
      throw refusal(index, `: "${field.name}" ${what}`);
    };
    const read = (value: unknown, dim: number): void => {
      const length = field.shape[dim];
      if (length === undefined) {
        write(data, at++, value, field, refuse);
        return;
      }
      if (!Array.isArray(value) || value.length !== length) {
        refuse(`must be ${shapeText(field)}${found(value, length, dim)}`);
      }
      for (const one of value as unknown[]) read(one, dim + 1);
    };
    read(values[field.name], 0);
  }
}

function valuesOf(
  instance: unknown,
  index: number,
  fields: readonly TensorField[],
): Record<string, unknown> {
  const isObject = typeof instance === 'object' && instance !== null && !Array.isArray(instance);
  const [first] = fields;
  if (!isObject) {
    if (fields.length === 1 && first !== undefined) {
      return Object.fromEntries([[first.name, instance]]);
    }
    const names = fields.map(({ name }) => `"${name}"`).join(', ');
    throw refusal(index, ` must be an object with ${names}`);
  }
  const given = instance as Record<string, unknown>;
  const missing = fields.find(({ name }) => !Object.hasOwn(given, name));
  if (missing !== undefined) throw refusal(index, ` has no "${missing.name}"`);
  const known = new Set(fields.map(({ name }) => name));
  const other = Object.keys(given).find((name) => !known.has(name));
  if (other !== undefined) {
    throw refusal(index, `: there is no input "${other.slice(0, 100)}"`);
  }
  return given;
}

function write(
  data: TensorData,
  at: number,
  value: unknown,
  { dtype }: TensorField,
  refuse: Refuse,
): void {
  if (dtype === 'bool') {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1) refuse('must be true or false');
    data[at] = Number(value);
    return;
  }
  if (typeof value !== 'number') refuse('must hold numbers alone');
  if (dtype === 'f32') {
    data[at] = value;
    return;
  }
  const [least, most] = ranges[dtype];
  if (!Number.isInteger(value) || value < least || value > most) {
    refuse(`must hold whole numbers from ${least} to ${most}`);
  }
  data[at] = dtype === 'i64' ? BigInt(value) : value;
}

function shapeText({ shape, dtype }: TensorField): string {
  return `${shape.length === 0 ? 'one number' : `lists of ${shape.join(' x ')}`} (${dtype})`;
}

function found(value: unknown, length: number, dim: number): string {
  const depth = dim === 0 ? '' : ` at depth ${dim + 1}`;
  return Array.isArray(value)
    ? `; a list${depth} has ${value.length} instead of ${length}`
    : `; there is no list${depth}`;
}

function refusal(index: number, what: string): VandaError {
  const sentence = `Instance ${index}${what}.`;
  return new VandaError('invalid-request', sentence, [
    { pointer: `/instances/${index}`, message: sentence },
  ]);
}
