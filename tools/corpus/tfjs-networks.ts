/**
 * Writes the trained networks of nsfwjs as folders of TensorFlow.js, with what TensorFlow.js answers, for main.ts:
 *
 *   node tools/corpus/tfjs-networks.ts FOLDER
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { argv, stdout } from 'node:process';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Tensor } from '@vanda/engine';
import { tensor, writeSafetensors } from '@vanda/engine';

const require = createRequire(import.meta.url);
const networks = { mobilenet_v2: 224, inception_v3: 299, mobilenet_v2_mid: 224 };

interface ModelJson {
  readonly format?: string;
  readonly modelTopology: object;
  readonly weightsManifest: {
    readonly paths: string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/** Waves of some lengths and colours, and a little noise: [2, side, side, 3] of 0 to 1. */
function pictures(side: number): Tensor {
  const data = Float32Array.from({ length: 2 * side * side * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
    const wave = Math.sin((x * (c + 2)) / 17) * Math.cos((y * (4 - c)) / 23);
    return 0.5 + 0.45 * wave + ((i * 7919) % 101) / 2020 - 0.025;
  });
  return tensor(data, [2, side, side, 3]);
}

async function theirAnswers(json: ModelJson, weightBytes: Uint8Array, x: Tensor) {
  const source = tf.io.fromMemory({
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: new Uint8Array(weightBytes).buffer,
  });
  const model = await (json.format === 'graph-model'
    ? tf.loadGraphModel(source)
    : tf.loadLayersModel(source));
  const given = tf.tensor(x.data as Float32Array, [...x.shape]);
  const answers = [model.predict(given)].flat() as tf.Tensor[];
  const layered = model instanceof tf.LayersModel;
  const [input = ''] = layered ? model.inputNames : model.inputs.map(({ name }) => name);
  const names = layered ? model.outputNames : model.outputs.map(({ name }) => name);
  const values = answers.map(async (answer, i) => [
    names[i] ?? '',
    tensor(new Float32Array(await answer.data()), answer.shape),
  ]);
  return { [input]: x, ...Object.fromEntries(await Promise.all(values)) };
}

/** The scores themselves: chances near 0 and 1 would hide what comes before them. */
function withoutSoftmax(json: ModelJson): ModelJson {
  const end = '"activation":"softmax"';
  return JSON.parse(JSON.stringify(json).replace(end, '"activation":"linear"'));
}

setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
await tf.setBackend('wasm');
const folder = argv[2] ?? '.';
const packageFolder = join(require.resolve('nsfwjs/core'), '../../models');
for (const [name, side] of Object.entries(networks)) {
  const json = withoutSoftmax(require(join(packageFolder, name, 'model.min.js')) as ModelJson);
  const shards = json.weightsManifest
    .flatMap(({ paths }) => paths)
    .map((path) => require(join(packageFolder, name, `${path}.min.js`)) as string);
  const bytes = Buffer.concat(shards.map((shard) => Buffer.from(shard, 'base64')));
  const tensors = await theirAnswers(json, bytes, pictures(side));
  await mkdir(join(folder, name), { recursive: true });
  const weightsManifest = json.weightsManifest.map((group, i) => ({
    ...group,
    paths: i === 0 ? ['weights.bin'] : [],
  }));
  await writeFile(join(folder, name, 'model.json'), JSON.stringify({ ...json, weightsManifest }));
  await writeFile(join(folder, name, 'weights.bin'), bytes);
  await writeSafetensors(join(folder, `${name}.safetensors`), tensors);
  stdout.write(`${name} ${Object.keys(tensors).join(' -> ')}\n`);
}
