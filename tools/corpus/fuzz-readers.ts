/**
 * Spoils real files of other tools at random and reads them: each must be taken or end in a FormatError.
 *
 *   node tools/corpus/fuzz-readers.ts SECONDS [SEED]
 *
 * A finding is printed with its seed, which alone makes it again; the exit status is then 1.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FormatError,
  importKeras,
  importOnnx,
  importTfjsGraph,
  importTfjsLayers,
  readStateDict,
} from '@vanda/formats';
import { spoilBytes, spoilJson } from './spoil.ts';
import { storedZip } from './stored-zip.ts';

const seconds = Number(process.argv[2] ?? 60);
const first = Number(process.argv[3] ?? 1);
const folder = await mkdtemp(join(tmpdir(), 'vanda-fuzz-'));
const goldens = new URL('../../packages/formats/goldens/', import.meta.url);
const golden = (name: string) => readFile(new URL(name, goldens));

const file = join(folder, 'given');
const pickles = await Promise.all(
  ['tensors.pt', 'tensors_legacy.pth', 'checkpoint.pt'].map((name) => golden(`pytorch/${name}`)),
);
const networks = JSON.parse((await golden('tfjs.json')).toString('utf8')) as {
  layers: { json: object; base64: string }[];
  graphs: { json: object; base64: string }[];
};

const configs = await Promise.all(
  ['pictures', 'sentences', 'attention', 'nested'].map(async (name) => {
    const archive = (await golden(`keras/${name}.keras`)).toString('utf8');
    return JSON.parse(archive.slice(archive.indexOf('{"module"'), archive.lastIndexOf('}PK') + 1));
  }),
);

const kerasFiles = await Promise.all(
  ['pictures', 'sentences'].map((name) => golden(`keras/${name}.keras`)),
);
const onnx = new URL('../../packages/formats/src/onnx/goldens/', import.meta.url);
const graphs = await Promise.all(
  ['cnn', 'gru', 'patches_dynamo', 'shuffled'].map((name) =>
    readFile(new URL(`${name}.onnx`, onnx)),
  ),
);

type Target = (seed: number) => Promise<unknown>;
const targets: Target[] = [
  async (seed) => {
    await writeFile(file, spoilBytes(pickles[seed % pickles.length] as Buffer, seed));
    return await readStateDict(file);
  },
  async (seed) => {
    const { json, base64 } = networks.layers[seed % networks.layers.length] as never;
    return importTfjsLayers(spoilJson(json, seed), Buffer.from(base64, 'base64'));
  },
  async (seed) => {
    const { json, base64 } = networks.graphs[seed % networks.graphs.length] as never;
    return importTfjsGraph(spoilJson(json, seed), Buffer.from(base64, 'base64'));
  },
  async (seed) => {
    const config = JSON.stringify(spoilJson(configs[seed % configs.length], seed)) ?? '';
    const entries = { 'config.json': Buffer.from(config), 'model.weights.h5': Buffer.from('none') };
    await writeFile(file, storedZip(entries));
    return await importKeras(file);
  },
  async (seed) => {
    await writeFile(file, spoilBytes(kerasFiles[seed % kerasFiles.length] as Buffer, seed));
    return await importKeras(file);
  },
  async (seed) => importOnnx(spoilBytes(graphs[seed % graphs.length] as Buffer, seed)),
];

const end = performance.now() + 1000 * seconds;
const counts = { taken: 0, refused: 0, found: 0 };
for (let seed = first; performance.now() < end; seed += 1) {
  const begin = performance.now();
  const outcome: unknown = await (targets[seed % targets.length] as Target)(
    Math.floor(seed / targets.length),
  ).then(
    () => 'taken' as const,
    (error) => (error instanceof FormatError ? 'refused' : error),
  );
  const slow = performance.now() - begin > 5000;
  if (outcome === 'taken' || outcome === 'refused') counts[outcome] += 1;
  if ((outcome === 'taken' || outcome === 'refused') && !slow) continue;
  counts.found += 1;
  console.log(`seed ${seed}:`, slow ? 'took over 5 s' : outcome);
}
await rm(folder, { recursive: true });
console.log(`${counts.taken} taken, ${counts.refused} refused, ${counts.found} findings`);
process.exitCode = counts.found === 0 ? 0 : 1;
