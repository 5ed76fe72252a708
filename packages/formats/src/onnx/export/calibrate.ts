import type { Feeds, Tensor } from '@vanda/engine';
import { FormatError } from '../../format-error.ts';
import { dataTypes } from '../proto.ts';
import { encodeModel } from './export-onnx.ts';
import type { OnnxModel } from './onnx-model.ts';
import { OnnxRuntime } from './onnx-runtime.ts';
import type { Range } from './quantize-static.ts';
import { valuesToQuantize } from './quantize-static.ts';

/** The ranges of all values that are to be quantised, over a calibration set: a hundred typical inputs are enough. */
export async function calibrate(
  model: OnnxModel,
  calibration: Iterable<Feeds>,
): Promise<Map<string, Range>> {
  const names = valuesToQuantize(model);
  const inputs = new Set(model.inputs.map(({ name }) => name));
  const watched = names
    .filter((name) => !inputs.has(name))
    .map((name) => ({ name, type: { tensorType: { elemType: dataTypes.float } } }));
  const runtime = await OnnxRuntime.open(encodeModel({ ...model, outputs: watched }));
  const ranges = new Map<string, [number, number]>();
  try {
    for (const feeds of calibration) {
      const seen = { ...(watched.length > 0 ? await runtime.run(feeds) : {}), ...feeds };
      for (const name of names) widen(ranges, name, seen[name]);
    }
  } finally {
    await runtime.close();
  }
  if (ranges.size === 0 && names.length > 0) {
    throw new FormatError('ONNX', 'calibration', 'there are no inputs to measure ranges on');
  }
  return ranges;
}

function widen(ranges: Map<string, [number, number]>, name: string, value: Tensor | undefined) {
  if (!value) return;
  const range = ranges.get(name) ?? [0, 0];
  for (const element of value.data as Float32Array) {
    if (element < range[0]) range[0] = element;
    if (element > range[1]) range[1] = element;
  }
  ranges.set(name, range);
}
