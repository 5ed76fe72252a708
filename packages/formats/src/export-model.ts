import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifact, type Feeds, loadArtifact, type Tensor } from '@vanda/engine';
import { FormatError } from './format-error.ts';
import { onnxExporters } from './onnx/export/onnx-exporters.ts';
import { tfjsExporter } from './tfjs/export/tfjs-exporter.ts';

export interface ExportOrder {
  /** A folder with model.json and weights.safetensors. */
  artifact: string;
  /** A key of `exporters` below. */
  format: string;
  /** Where the files go; it exists. */
  folder: string;
  /** Rows of each of the network's inputs: both forms are asked about them, one that counts in bytes is fitted to them. */
  samples: Feeds;
}

/** A model that answers, whatever runs it. */
export interface RunningModel {
  /** Outputs of the signature `predict`, by name. */
  run(feeds: Feeds): Promise<Readonly<Record<string, Tensor>>>;
  close(): void | Promise<void>;
}

export interface Exporter {
  /** What runs the exported files here. */
  ranWith: string;
  /** Writes the files and answers their names. */
  write(order: ExportOrder): Promise<string[]>;
  open(folder: string, files: readonly string[]): Promise<RunningModel>;
}

/** How the exported model answers beside its source. */
export interface Parity {
  items: number;
  /** Of any number of any answer. */
  maxAbsoluteDifference: number;
  /** The share of items with the same first class; null where answers are numbers. */
  topOneAgreement: number | null;
  bytes: number;
  sourceBytes: number;
  /** One item at a time, the median. */
  latencyUs: number;
  ranWith: string;
}

/** Vanda's own files, that any reader of JSON and safetensors understands. */
const safetensors: Exporter = {
  ranWith: 'Vanda',
  async write({ artifact, folder }) {
    const files = ['model.json', 'weights.safetensors'];
    for (const name of files) await copyFile(join(artifact, name), join(folder, name));
    return files;
  },
  async open(folder) {
    return opened(await loadArtifact(folder, { threads: 1 }));
  },
};

const exporters: Readonly<Record<string, Exporter>> = {
  ...onnxExporters,
  tfjs: tfjsExporter,
  safetensors,
};

/**
 * Writes a model in another format, runs what was written, and says how alike it answers.
 *
 * @throws FormatError where the format cannot say what the model does.
 */
export async function exportModel(
  order: ExportOrder,
): Promise<{ files: string[]; report: Parity }> {
  const exporter = exporters[order.format];
  if (!exporter) {
    const known = Object.keys(exporters).join(', ');
    throw new FormatError(order.format, 'format', `there is no such format; there are: ${known}.`);
  }
  const files = await exporter.write(order);
  const source = opened(await loadArtifact(order.artifact, { threads: 1 }));
  const exported = await exporter.open(order.folder, files);
  try {
    const compared = await compare(source, exported, order.samples);
    const latencyUs = await timeOfOne(exported, order.samples);
    const bytes = await bytesOf(order.folder, files);
    const sourceBytes = await bytesOf(order.artifact, ['model.json', 'weights.safetensors']);
    return {
      files,
      report: { ...compared, bytes, sourceBytes, latencyUs, ranWith: exporter.ranWith },
    };
  } finally {
    await exported.close();
    source.close();
  }
}

function opened(artifact: Artifact): RunningModel {
  return { run: (feeds) => artifact.run('predict', feeds), close: () => artifact.close() };
}

async function compare(
  source: RunningModel,
  exported: RunningModel,
  samples: Feeds,
): Promise<Pick<Parity, 'items' | 'maxAbsoluteDifference' | 'topOneAgreement'>> {
  const expected = await source.run(samples);
  const answered = await exported.run(samples);
  const items = Object.values(samples)[0]?.shape[0] ?? 0;
  let maxAbsoluteDifference = 0;
  let topOneAgreement: number | null = null;
  for (const [name, { data, shape }] of Object.entries(expected)) {
    const other = answered[name];
    if (other?.data.length !== data.length) {
      throw new FormatError('export', name, 'the exported model answers in another shape.');
    }
    for (let i = 0; i < data.length; i++) {
      const apart = Math.abs(Number(data[i]) - Number(other.data[i]));
      // What is no number on one side only is as far apart as can be.
      if (!(apart <= maxAbsoluteDifference) && !Object.is(data[i], other.data[i])) {
        maxAbsoluteDifference = apart;
      }
    }
    const classes = shape.at(-1) ?? 1;
    if (shape.length === 2 && classes > 1) {
      let same = 0;
      for (let item = 0; item < items; item++) {
        if (first(data, item, classes) === first(other.data, item, classes)) same++;
      }
      topOneAgreement = items === 0 ? null : same / items;
    }
  }
  return { items, maxAbsoluteDifference, topOneAgreement };
}

function first(data: Tensor['data'], item: number, classes: number): number {
  let best = 0;
  for (let i = 1; i < classes; i++) {
    if (Number(data[item * classes + i]) > Number(data[item * classes + best])) best = i;
  }
  return best;
}

const timedRuns = 21;

async function timeOfOne(model: RunningModel, samples: Feeds): Promise<number> {
  const one = Object.fromEntries(
    Object.entries(samples).map(([name, { dtype, shape, data }]) => {
      const width = data.length / (shape[0] ?? 1);
      return [name, { dtype, shape: [1, ...shape.slice(1)], data: data.slice(0, width) }];
    }),
  ) as Feeds;
  const times: number[] = [];
  for (let run = 0; run < timedRuns; run++) {
    const from = performance.now();
    await model.run(one);
    times.push((performance.now() - from) * 1000);
  }
  return times.sort((a, b) => a - b)[Math.floor(timedRuns / 2)] ?? 0;
}

async function bytesOf(folder: string, files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map((name) => stat(join(folder, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
