import { isAbsolute } from 'node:path';
import type { Tensor, TensorData } from '@vanda/engine';
import { float16ToFloat32 } from '../float16.ts';
import type { NamedTensors } from '../imported-network.ts';
import type { JsonField } from '../json-field.ts';
import { elementsOf, shapeOf } from '../tensor-shape.ts';

const STORED_BYTES = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 } as const;
type Stored = keyof typeof STORED_BYTES;

/** The shards that a manifest names, in their order: plain file names beside the model's JSON, and nothing else. */
export function shardNames(manifest: JsonField): string[] {
  return manifest.list().flatMap((group) =>
    group
      .get('paths')
      .list()
      .map((path) => {
        const name = path.text();
        const plain = /^[\w.-][\w. -]*$/.test(name) && name !== '.' && name !== '..';
        if (!plain || isAbsolute(name))
          path.fail(`'${name.slice(0, 100)}' must be the plain name of a file beside the model`);
        return name;
      }),
  );
}

/**
 * Tensors of the bytes of all shards, one after the other. Quantised ones are value = stored * scale + min
 * (tensorflowjs_converter's affine quantisation), in double precision as TensorFlow.js computes it.
 */
export function tensorsOfManifest(manifest: JsonField, bytes: Uint8Array): NamedTensors {
  const tensors = new Map<string, Tensor>();
  let offset = 0;
  let last = manifest;
  shardNames(manifest);
  for (const entry of manifest.list().flatMap((group) => group.get('weights').list())) {
    const name = entry.get('name').text();
    if (tensors.has(name)) entry.get('name').fail(`there are two weights called '${name}'`);
    const shape = shapeOf(entry.get('shape'));
    const stored = storedType(entry);
    const size = elementsOf(shape) * STORED_BYTES[stored];
    if (offset + size > bytes.byteLength)
      entry.fail(
        `'${name}' needs the bytes ${offset} to ${offset + size}, the weights end at ${bytes.byteLength}`,
      );
    // A copy: shards may put a tensor at an address that its type cannot have.
    const own = new Uint8Array(bytes.subarray(offset, offset + size));
    tensors.set(name, { ...decoded(entry, stored, own), shape });
    offset += size;
    last = entry;
  }
  if (offset !== bytes.byteLength)
    last.fail(`the weights end at byte ${offset}, but there are ${bytes.byteLength}`);
  return Object.fromEntries(tensors);
}

function storedType(entry: JsonField): Stored {
  const dtype = entry.get('dtype').choice(['float32', 'int32', 'bool', 'uint8']);
  const quantization = entry.get('quantization');
  if (quantization.absent) return dtype;
  const stored = quantization.get('dtype').choice(['uint8', 'uint16', 'float16']);
  const fits =
    stored === 'float16' ? dtype === 'float32' : dtype === 'float32' || dtype === 'int32';
  return fits ? stored : quantization.fail(`${dtype} cannot be stored as ${stored}`);
}

function decoded(entry: JsonField, stored: Stored, bytes: Uint8Array): Omit<Tensor, 'shape'> {
  const { buffer } = bytes;
  const quantization = entry.get('quantization');
  if (quantization.absent) {
    switch (stored) {
      case 'int32':
        return { dtype: 'i32', data: new Int32Array(buffer) };
      case 'bool':
        return { dtype: 'bool', data: bytes.map((value) => (value === 0 ? 0 : 1)) };
      case 'uint8':
        return { dtype: 'u8', data: bytes };
      default:
        return { dtype: 'f32', data: new Float32Array(buffer) };
    }
  }
  if (stored === 'float16')
    return { dtype: 'f32', data: float16ToFloat32(new Uint16Array(buffer)) };
  const steps = stored === 'uint8' ? bytes : new Uint16Array(buffer);
  const scale = quantization.get('scale').number();
  const min = quantization.get('min').number();
  const whole = entry.get('dtype').text() === 'int32';
  return whole
    ? { dtype: 'i32', data: Int32Array.from(steps, (step) => Math.round(step * scale + min)) }
    : { dtype: 'f32', data: dequantized(steps, scale, min) };
}

function dequantized(steps: Uint8Array | Uint16Array, scale: number, min: number): TensorData {
  const values = new Float32Array(steps.length);
  for (let i = 0; i < steps.length; i += 1) values[i] = (steps[i] as number) * scale + min;
  return values;
}
