// `node bench/forward/forward-one.ts NETWORK [--peers]`: answers of one trained network, at batch 1 and 16, on two
// threads; with --peers beside ONNX Runtime, which runs the network as we export it. The two take turns, and both must
// answer alike: a speed with other numbers does not count. Prints one JSON line a result.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Session, type Tensor, tensor } from '@vanda/engine';
import { exportOnnx, OnnxRuntime, openBackbone } from '@vanda/formats';
import { uniform } from '../networks/numbers.ts';
import type { Measurement } from '../result.ts';

const threads = 2;
const rounds = 7;
const roundMs = 1000;
const tolerance = 1e-4;

type Run = (x: Tensor) => Promise<Tensor>;

const name = process.argv[2] ?? '';
const folder = join(createRequire(import.meta.url).resolve('nsfwjs/core'), '../../..');
const { network, backbone } = await openBackbone(name, folder);
const [input = ''] = Object.keys(network.inputs);
const [output = ''] = Object.keys(network.outputs);
const session = new Session(network.graph, { threads });
const systems: Record<string, Run> = {
  vanda: async (x) => {
    const placeholder = network.inputs[input]?.name ?? input;
    return (await session.run({ [placeholder]: x }, network.outputs))[output] as Tensor;
  },
};
if (process.argv.includes('--peers')) {
  const exported = await exportOnnx(network);
  const runtime = await OnnxRuntime.open(exported, { threads });
  systems.onnxruntime = async (x) => (await runtime.run({ [input]: x }))[output] as Tensor;
}
for (const batch of [1, 16]) {
  const { size } = backbone.input;
  const x = tensor(uniform(1, [batch, size, size, 3], 0, 1), [batch, size, size, 3]);
  await compare(x);
  const times = new Map<string, number[]>(Object.keys(systems).map((system) => [system, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [system, run] of Object.entries(systems))
      times.get(system)?.push(await timed(run, x));
  }
  for (const [system, all] of times) {
    const value = (all.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN) * 1000;
    const result: Measurement = {
      case: `${name.replaceAll('_', '-')}-b${batch}`,
      system,
      value,
      unit: 'us',
      better: 'lower',
    };
    console.log(JSON.stringify(result));
  }
}
session.close();

async function compare(x: Tensor): Promise<void> {
  const answers = await Promise.all(Object.values(systems).map((run) => run(x)));
  const [ours, ...others] = answers.map(({ data }) => data as Float32Array);
  for (const other of others) {
    const apart = ours?.map((value, i) => Math.abs(value - (other[i] ?? Number.NaN)));
    if (!(Math.max(...(apart ?? [Number.NaN])) < tolerance)) {
      throw new Error(`${name} answers differently in ONNX Runtime: its speed does not count.`);
    }
  }
}

/** Milliseconds a call. */
async function timed(run: Run, x: Tensor): Promise<number> {
  const from = performance.now();
  let calls = 0;
  do {
    await run(x);
    calls += 1;
  } while (performance.now() - from < roundMs);
  return (performance.now() - from) / calls;
}
