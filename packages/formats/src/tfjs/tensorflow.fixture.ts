import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Tensor } from '@vanda/engine';
import { Session } from '@vanda/engine';
import sharp from 'sharp';
import type { ImportedNetwork } from '../imported-network.ts';

const require = createRequire(import.meta.url);

/** TensorFlow.js itself, on its wasm backend. */
export async function tensorflow(): Promise<typeof tf> {
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
  return tf;
}

export interface Saved {
  // biome-ignore lint/suspicious/noExplicitAny: what a file holds, for tests to spoil
  readonly json: any;
  readonly bytes: Uint8Array;
}

/** A saved model as its files would hold it. */
export async function saved(model: tf.LayersModel): Promise<Saved> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const { modelTopology, weightSpecs, weightData } = artifacts as tf.io.ModelArtifacts;
  const manifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
  const json = JSON.parse(JSON.stringify({ modelTopology, weightsManifest: manifest }));
  return { json, bytes: new Uint8Array(weightData as ArrayBuffer) };
}

/** The same with each weight in whole steps of 8 or 16 bits, as tensorflowjs_converter quantises them. */
export function quantized({ json, bytes }: Saved, dtype: 'uint8' | 'uint16'): Saved {
  const own = structuredClone(json);
  let offset = 0;
  const parts = own.weightsManifest[0].weights.map((spec: tf.io.WeightsManifestEntry) => {
    const size = spec.shape.reduce((a, b) => a * b, 1);
    const values = new Float32Array(bytes.slice(offset, offset + 4 * size).buffer);
    offset += 4 * size;
    const [min, max] = [Math.min(...values), Math.max(...values)];
    const scale = (max - min) / (dtype === 'uint8' ? 255 : 65_535) || 1;
    spec.quantization = { dtype, min, scale };
    const steps = Array.from(values, (value) => Math.round((value - min) / scale));
    const stored = dtype === 'uint8' ? Uint8Array.from(steps) : Uint16Array.from(steps);
    return Buffer.from(stored.buffer);
  });
  return { json: own, bytes: new Uint8Array(Buffer.concat(parts)) };
}

/** Outputs of an imported network; inputs by name. */
export async function outputsOf(
  network: ImportedNetwork,
  feeds: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  const session = new Session(network.graph, { threads: 1 });
  const outputs = await session.run(feeds, network.outputs);
  session.close();
  return outputs;
}

/** Pictures that packages bring with them, as f32 [N, size, size, 3] of 0 to 1. */
export async function pictures(size: number): Promise<Tensor> {
  const root = new URL('../../../../', import.meta.url);
  const names = ['ffox', 'gimp', '7zip'].map(
    (name) => `node_modules/vega-datasets/data/${name}.png`,
  );
  const files = [...names, 'docs/images/job.png'].map((name) => fileURLToPath(new URL(name, root)));
  const pixels = await Promise.all(
    files.map((file) =>
      sharp(file)
        .flatten({ background: '#fff' })
        .toColourspace('srgb')
        .resize(size, size, { fit: 'fill' })
        .raw()
        .toBuffer(),
    ),
  );
  const bytes = Buffer.concat(pixels);
  return {
    dtype: 'f32',
    shape: [files.length, size, size, 3],
    data: Float32Array.from(bytes, (value) => value / 255),
  };
}

export function largestDifference(a: ArrayLike<number | bigint>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values beside ${b.length}`);
  let most = 0;
  for (let i = 0; i < a.length; i += 1) {
    const difference = Math.abs(Number(a[i]) - (b[i] as number));
    if (!(difference <= most)) most = difference;
  }
  return most;
}
