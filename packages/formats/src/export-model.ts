import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifact, type Feeds, loadArtifact } from '@vanda/engine';
import { type Comparison, compareModels, type RunningModel } from './export/compare-models.ts';
import { rowsOf } from './export/sample-parts.ts';
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
  /** The right class of each of those rows, below 0 where it is not known; left out for what answers numbers. */
  classes?: Int32Array | null;
}

export interface Exporter {
  /** What runs the exported files here. */
  ranWith: string;
  /** Writes the files and answers their names. */
  write(order: ExportOrder): Promise<string[]>;
  open(folder: string, files: readonly string[]): Promise<RunningModel>;
}

/** How the exported model answers beside its source. */
export interface Parity extends Comparison {
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
    const { samples, classes = null } = order;
    const compared = await compareModels(source, exported, samples, classes);
    const latencyUs = await timeOfOne(exported, rowsOf(samples, [0]));
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

const timedRuns = 21;
/** A median of fewer has to do for what takes its time. */
const timedMaxMs = 10_000;

async function timeOfOne(model: RunningModel, one: Feeds): Promise<number> {
  const times: number[] = [];
  const begin = performance.now();
  for (let run = 0; run < timedRuns; run++) {
    const from = performance.now();
    if (run > 0 && from - begin > timedMaxMs) break;
    await model.run(one);
    times.push((performance.now() - from) * 1000);
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  return Number(median.toPrecision(4));
}

async function bytesOf(folder: string, files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map((name) => stat(join(folder, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
