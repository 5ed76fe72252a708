import { dataTypes } from '../proto.ts';
import type { NodeOut } from './graph-writer.ts';
import type { OnnxModel } from './onnx-model.ts';
import { floatsOf, rawTensor } from './tensor-proto.ts';

/** Smaller tensors are not worth a node. */
const ELEMENTS_MIN = 64;
const HALF_MAX = 65504;

/**
 * Weights stored in sixteen bits and cast to f32 where they are read, which runtimes do once, at load: half the size, all
 * sums in f32. A tensor with numbers that sixteen bits cannot hold stays as it is.
 */
export function halfWeights(model: OnnxModel): OnnxModel {
  const casts: NodeOut[] = [];
  const tensors = model.tensors.map((tensor) => {
    if (tensor.dataType !== dataTypes.float) return tensor;
    const values = floatsOf(tensor);
    if (values.length < ELEMENTS_MIN || values.some((value) => !(Math.abs(value) <= HALF_MAX))) {
      return tensor;
    }
    const name = `${tensor.name}.half`;
    const attribute = [{ name: 'to', type: 2, i: dataTypes.float }];
    casts.push({ opType: 'Cast', name, input: [name], output: [tensor.name], attribute });
    return rawTensor(name, tensor.dims, dataTypes.float16, Uint16Array.from(values, halfOf));
  });
  return { ...model, nodes: [...casts, ...model.nodes], tensors };
}

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** The nearest IEEE 754 binary16, halves to the even one. */
function halfOf(value: number): number {
  single[0] = value;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const size = Math.abs(value);
  // Below 2^-14 all numbers are multiples of 2^-24.
  if (size < 2 ** -14) return sign | roundedToEven(size * 2 ** 24);
  const exponent = ((word >>> 23) & 255) - 127;
  const steps = roundedToEven((size / 2 ** exponent - 1) * 1024);
  // A fraction that rounds up to 1 carries into the exponent by itself.
  return sign | (((exponent + 15) << 10) + steps);
}

function roundedToEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}
