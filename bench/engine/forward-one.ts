// `node bench/engine/forward-one.ts NETWORK FOLDER`: answers of FOLDER/NETWORK.onnx at batch 1 and 16, on two threads,
// beside ONNX Runtime, which runs the same file. The two take turns, and both must answer what the file's maker
// answered (NETWORK.safetensors): a speed with other numbers does not count. Prints one JSON line a result, and leaves
// the network as an artifact in FOLDER/NETWORK.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSafetensors, Session, saveArtifact, type Tensor } from '@vanda/engine';
import { exportOnnx, importOnnx, OnnxRuntime } from '@vanda/formats';
import type { Measurement } from '../result.ts';

const threads = 2;
const rounds = 7;
const roundMs = 1000;
const restMs = 100;
/** Relative to the largest number of an answer. */
const tolerance = 1e-4;

type Run = () => Promise<Tensor | undefined>;

const [name = '', folder = ''] = process.argv.slice(2);
const bytes = await readFile(join(folder, `${name}.onnx`));
const { tensors } = await readSafetensors(join(folder, `${name}.safetensors`));
const network = await importOnnx(bytes);
const session = new Session(network.graph, { threads });
const placeholder = network.inputs.input?.name ?? '';
const { inputs, outputs } = network;
await saveArtifact(join(folder, name), { session, signatures: { predict: { inputs, outputs } } });
const runtime = await OnnxRuntime.open(bytes, { threads });

for (const batch of [1, 16]) {
  const theirs = tensors[`input${batch}`] as Tensor;
  const ours = channelsLast(theirs);
  const systems: Record<string, Run> = {
    vanda: async () => (await session.run({ [placeholder]: ours }, outputs)).output,
    onnxruntime: async () => (await runtime.run({ input: theirs })).output,
  };
  for (const [system, run] of Object.entries(systems)) {
    compare(system, (await run())?.data, tensors[`output${batch}`]?.data);
  }
  await race(`${name}-b${batch}`, systems);
  // The engine has no kernels of eight bits: what it has at hand for the same task is the network as it is.
  if (name === 'mobilenet-v2' && batch === 1) {
    const form = { form: 'int8-static', calibration: [{ input: ours }] } as const;
    const small = await OnnxRuntime.open(await exportOnnx(network, form), { threads });
    const int8 = async () => (await small.run({ input: ours })).output;
    await race(`${name}-int8-b1`, { vanda: systems.vanda as Run, 'onnxruntime-int8': int8 });
    await small.close();
  }
}
await runtime.close();
session.close();

async function race(label: string, systems: Record<string, Run>): Promise<void> {
  const times = new Map<string, number[]>(Object.keys(systems).map((system) => [system, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [system, run] of Object.entries(systems)) {
      times.get(system)?.push(await timed(run));
      // Threads of either may stay awake for a while; they would take the other's turn.
      await sleep(restMs);
    }
  }
  for (const [system, all] of times) {
    const value = (all.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN) * 1000;
    const result: Measurement = { case: label, system, value, unit: 'us', better: 'lower' };
    console.log(JSON.stringify(result));
  }
}

/** Milliseconds a call. */
async function timed(run: Run): Promise<number> {
  const from = performance.now();
  let calls = 0;
  do {
    await run();
    calls += 1;
  } while (performance.now() - from < roundMs);
  return (performance.now() - from) / calls;
}

function compare(system: string, got?: Tensor['data'], expected?: Tensor['data']): void {
  const wanted = Array.from(expected ?? [], Number);
  const largest = Math.max(...wanted.map(Math.abs));
  const apart = wanted.map((value, i) => Math.abs(value - Number(got?.[i])));
  if (got?.length !== wanted.length || !(Math.max(...apart) < tolerance * largest)) {
    throw new Error(`${system} gives other numbers for ${name}: its speed does not count.`);
  }
}

/** [N, C, H, W] as [N, H, W, C]. */
function channelsLast({ shape, data, dtype }: Tensor): Tensor {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  const turned = new Float32Array(data.length);
  for (let i = 0; i < data.length; i += 1) {
    const place = i % (h * w);
    const channel = Math.floor(i / (h * w)) % c;
    const picture = Math.floor(i / (h * w * c));
    turned[(picture * h * w + place) * c + channel] = Number(data[i]);
  }
  return { dtype, shape: [n, h, w, c], data: turned };
}
