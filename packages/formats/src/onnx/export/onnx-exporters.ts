import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Feeds } from '@vanda/engine';
import type { ExportableNetwork } from '../../export/exportable-network.ts';
import { readArtifactNetwork } from '../../export/exportable-network.ts';
import { sampleParts } from '../../export/sample-parts.ts';
import type { Exporter } from '../../export-model.ts';
import { calibrate } from './calibrate.ts';
import { encodeModel, onnxModelOf } from './export-onnx.ts';
import { halfWeights } from './half-weights.ts';
import type { OnnxModel } from './onnx-model.ts';
import { OnnxRuntime } from './onnx-runtime.ts';
import { quantizeDynamic } from './quantize-dynamic.ts';
import { quantizeStatic } from './quantize-static.ts';

/** How numbers are held: f32; weights in sixteen bits with sums in f32; or eight bits. */
export type OnnxForm = 'f32' | 'f16' | 'int8-dynamic' | 'int8-static';

const FILE = 'model.onnx';
/** Of the samples so many show the ranges of a network's numbers. */
const [itemsAtOnce, partsMax] = [32, 8];

/** The bytes of an ONNX file. `int8-static` needs a calibration set: typical inputs, a hundred rows are enough. */
export async function exportOnnx(
  network: ExportableNetwork,
  options: { readonly form?: OnnxForm; readonly calibration?: readonly Feeds[] } = {},
): Promise<Uint8Array> {
  return encodeModel(await converted(await onnxModelOf(network), options.form ?? 'f32', options));
}

async function converted(
  model: OnnxModel,
  form: OnnxForm,
  options: { readonly calibration?: readonly Feeds[] },
): Promise<OnnxModel> {
  switch (form) {
    case 'f32':
      return model;
    case 'f16':
      return halfWeights(model);
    case 'int8-dynamic':
      return quantizeDynamic(model);
    case 'int8-static':
      return quantizeStatic(model, await calibrate(model, options.calibration ?? []));
  }
}

/**
 * Eight bits for any network: convolutions by the ranges that values have on the samples, so that they run on integers;
 * where there are none, products by the range of each input as it comes, which loses less.
 */
function eightBits(model: OnnxModel, samples: Feeds): Promise<OnnxModel> {
  const parts: Feeds[] = [];
  for (const { feeds } of sampleParts(samples, itemsAtOnce)) {
    if (parts.length < partsMax) parts.push(feeds);
  }
  const pictures = model.nodes.some(({ opType }) => opType === 'Conv');
  return converted(model, pictures ? 'int8-static' : 'int8-dynamic', { calibration: parts });
}

function exporter(make: (model: OnnxModel, samples: Feeds) => Promise<OnnxModel>): Exporter {
  return {
    ranWith: 'ONNX Runtime',
    async write({ artifact, folder, samples }) {
      const model = await onnxModelOf(await readArtifactNetwork(artifact));
      await writeFile(join(folder, FILE), encodeModel(await make(model, samples)));
      return [FILE];
    },
    async open(folder, [file = FILE]) {
      return OnnxRuntime.open(await readFile(join(folder, file)));
    },
  };
}

/** The formats of ONNX by the names under which models are exported. */
export const onnxExporters: Readonly<Record<string, Exporter>> = {
  onnx: exporter((model) => converted(model, 'f32', {})),
  'onnx-f16': exporter((model) => converted(model, 'f16', {})),
  'onnx-int8': exporter(eightBits),
};
