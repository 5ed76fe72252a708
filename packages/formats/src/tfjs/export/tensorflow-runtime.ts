import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Tensor } from '@vanda/engine';
import { FormatError } from '../../format-error.ts';

const require = createRequire(import.meta.url);

/** Items that are run at once; a model of large pictures holds all that lies between its layers for so many. */
const ITEMS_AT_ONCE = 16;

type Layers = typeof import('@tensorflow/tfjs-layers');
type Core = typeof import('@tensorflow/tfjs-core');

/** A layers model in TensorFlow.js on its wasm backend: what an export is checked against. */
export class TensorflowRuntime {
  readonly #core: Core;
  readonly #model: import('@tensorflow/tfjs-layers').LayersModel;

  private constructor(core: Core, model: import('@tensorflow/tfjs-layers').LayersModel) {
    this.#core = core;
    this.#model = model;
  }

  /** `modelJson` is the parsed model.json, `weightBytes` its shards one after the other. */
  static async open(modelJson: unknown, weightBytes: Uint8Array): Promise<TensorflowRuntime> {
    const { core, layers } = await tensorflow();
    const { modelTopology, weightsManifest } = modelJson as {
      modelTopology: object;
      weightsManifest: { weights: import('@tensorflow/tfjs-core').io.WeightsManifestEntry[] }[];
    };
    const model = await guarded(() =>
      layers.loadLayersModel(
        core.io.fromMemory({
          modelTopology,
          weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
          weightData: new Uint8Array(weightBytes).buffer,
        }),
      ),
    );
    return new TensorflowRuntime(core, model);
  }

  /** Inputs and outputs by the names of their layers. */
  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const items = Object.values(feeds)[0]?.shape[0] ?? 0;
    const parts: Record<string, Float32Array[]> = {};
    const shapes: Record<string, readonly number[]> = {};
    for (let from = 0; from < items; from += ITEMS_AT_ONCE) {
      const to = Math.min(items, from + ITEMS_AT_ONCE);
      for (const [name, { shape, data }] of Object.entries(await this.#part(feeds, from, to))) {
        shapes[name] = [items, ...shape.slice(1)];
        parts[name] = [...(parts[name] ?? []), data as Float32Array];
      }
    }
    return Object.fromEntries(
      Object.entries(parts).map(([name, of]) => [
        name,
        { dtype: 'f32', shape: shapes[name] ?? [], data: joined(of) },
      ]),
    );
  }

  close(): void {
    this.#model.dispose();
  }

  async #part(feeds: Readonly<Record<string, Tensor>>, from: number, to: number) {
    const inputs = this.#model.inputNames.map((name) => {
      const feed = feeds[name];
      if (!feed) throw new FormatError('TFJS layers', `input '${name}'`, 'is missing');
      return this.#rows(feed, from, to);
    });
    const outputs = await guarded(() => [this.#model.predictOnBatch(inputs)].flat());
    const read = outputs.map(async (output, i) => {
      const data = new Float32Array(await output.data());
      return [
        this.#model.outputNames[i] ?? '',
        { dtype: 'f32', shape: output.shape, data },
      ] as const;
    });
    const results = await Promise.all(read);
    this.#core.dispose([...inputs, ...outputs]);
    return Object.fromEntries(results) as Record<string, Tensor>;
  }

  #rows({ dtype, shape, data }: Tensor, from: number, to: number) {
    const width = data.length / (shape[0] ?? 1);
    const rows = data.subarray(from * width, to * width);
    const dims = [to - from, ...shape.slice(1)];
    if (dtype === 'f32') return this.#core.tensor(rows as Float32Array, dims);
    return this.#core.tensor(Int32Array.from(rows as Uint8Array, Number), dims, 'int32');
  }
}

/** Loaded when it is asked for: whoever exports to another format has no use for it. */
async function tensorflow(): Promise<{ core: Core; layers: Layers }> {
  const core = await import('@tensorflow/tfjs-core');
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const layers = await import('@tensorflow/tfjs-layers');
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await core.setBackend('wasm');
  await core.ready();
  return { core, layers };
}

/** What TensorFlow.js refuses is something that its layers cannot do after all. */
async function guarded<T>(body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError('TFJS layers', 'TensorFlow.js', `cannot run it: ${reason.slice(0, 500)}`);
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
