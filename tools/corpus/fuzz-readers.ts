/**
 * Spoils real files of other tools at random and reads them: each must be taken or end in a FormatError.
 *
 *   node tools/corpus/fuzz-readers.ts SECONDS [SEED] [READER,READER...]
 *
 * Each reader gets SECONDS of a processor's time.
 * A finding is printed with its seed, which alone makes it again; the exit status is then 1.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FormatError,
  Hdf5Reader,
  importKeras,
  importOnnx,
  importTfjsGraph,
  importTfjsLayers,
  readKerasArchive,
  readKerasConfig,
  readStateDict,
} from '@vanda/formats';
import { spoilBytes, spoilJson } from './spoil.ts';

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

// One thread for the weights of each: starting one takes a hundred times as long as reading a configuration.
const models: { config: object; weights: Hdf5Reader }[] = [];
async function openModels(): Promise<void> {
  for (const name of ['pictures', 'sentences', 'attention', 'nested', 'operators', 'unsaid']) {
    const { config, weights } = await readKerasArchive(await golden(`keras/${name}.keras`));
    models.push({
      config: JSON.parse(config),
      weights: await Hdf5Reader.open('Keras', weights, 120_000),
    });
  }
}

const kerasFiles = await Promise.all(
  ['pictures', 'sentences'].map((name) => golden(`keras/${name}.keras`)),
);
const onnx = new URL('../../packages/formats/src/onnx/goldens/', import.meta.url);
const graphs = await Promise.all(
  ['cnn', 'gru', 'patches_dynamo', 'shuffled'].map((name) =>
    readFile(new URL(`${name}.onnx`, onnx)),
  ),
);

type Reader = (seed: number) => Promise<unknown>;
const readers: Record<string, Reader> = {
  pickle: async (seed) => {
    await writeFile(file, spoilBytes(pickles[seed % pickles.length] as Buffer, seed));
    return await readStateDict(file);
  },
  'tfjs-layers': async (seed) => {
    const { json, base64 } = networks.layers[seed % networks.layers.length] as never;
    return importTfjsLayers(spoilJson(json, seed), Buffer.from(base64, 'base64'));
  },
  'tfjs-graph': async (seed) => {
    const { json, base64 } = networks.graphs[seed % networks.graphs.length] as never;
    return importTfjsGraph(spoilJson(json, seed), Buffer.from(base64, 'base64'));
  },
  'keras-config': async (seed) => {
    if (models.length === 0) await openModels();
    const { config, weights } = models[seed % models.length] as (typeof models)[number];
    const { fill } = readKerasConfig(JSON.stringify(spoilJson(config, seed)) ?? '');
    return await fill(weights);
  },
  'keras-archive': async (seed) => {
    await writeFile(file, spoilBytes(kerasFiles[seed % kerasFiles.length] as Buffer, seed));
    return await importKeras(file);
  },
  onnx: async (seed) => importOnnx(spoilBytes(graphs[seed % graphs.length] as Buffer, seed)),
};

const chosen = process.argv[4]?.split(',') ?? Object.keys(readers);
let found = 0;
for (const name of chosen) {
  const read = readers[name];
  if (!read)
    throw new Error(`There is no reader ${name}: take ${Object.keys(readers).join(', ')}.`);
  const counts = { taken: 0, refused: 0 };
  const begin = secondsOfWork();
  for (let seed = first; secondsOfWork() - begin < seconds; seed += 1) {
    // Graphs give their memory back between turns of the event loop, which readers without files never leave.
    if (seed % 1000 === 0) await new Promise(setImmediate);
    const start = secondsOfWork();
    const outcome: unknown = await read(seed).then(
      () => 'taken' as const,
      (error) => (error instanceof FormatError ? 'refused' : error),
    );
    const slow = secondsOfWork() - start > 5;
    if (outcome === 'taken' || outcome === 'refused') counts[outcome] += 1;
    if ((outcome === 'taken' || outcome === 'refused') && !slow) continue;
    found += 1;
    console.log(`${name}, seed ${seed}:`, slow ? 'took over 5 s' : outcome);
  }
  console.log(`${name}: ${counts.taken} taken, ${counts.refused} refused`);
}
await rm(folder, { recursive: true });
await Promise.all(models.map(({ weights }) => weights.close()));
console.log(`${found} findings`);
process.exitCode = found === 0 ? 0 : 1;

/** Seconds that processors spent on this process: a busy machine cheats neither the limit nor the total. */
function secondsOfWork(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
