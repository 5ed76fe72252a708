// One system of a race (forward-one.ts forks it): `SYSTEM NETWORK FOLDER BATCH`. Says 0 once it is ready, and then, for
// each number of milliseconds that it is sent, how many microseconds a call took in such a turn (the median of them).
// It must answer what the network's maker answered (NETWORK.safetensors): a speed with other numbers does not count.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadArtifact, readSafetensors, type Tensor } from '@vanda/engine';
import { OnnxRuntime } from '@vanda/formats';
import { channelsLast } from './channels-last.ts';

const threads = 2;
/** Relative to the largest number of an answer. */
const tolerance = 1e-4;

const [system = '', name = '', folder = '', batch = ''] = process.argv.slice(2);
const { tensors } = await readSafetensors(join(folder, `${name}.safetensors`));
const input = tensors[`input${batch}`] as Tensor;
const run = await open();
// Eight bits are not asked to be as exact; the export's parity report says how near they come.
if (system !== 'onnxruntime-int8') compare(await run(), tensors[`output${batch}`]);
for (let warm = 0; warm < 3; warm += 1) await run();

process.on('message', async (turnMs: number) => {
  const times: number[] = [];
  const end = performance.now() + turnMs;
  while (performance.now() < end) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) * 1000);
  }
  process.send?.(times.sort((a, b) => a - b)[times.length >> 1]);
});
process.on('disconnect', () => process.exit(0));
process.send?.(0);

async function open(): Promise<() => Promise<Tensor | undefined>> {
  if (system === 'vanda') {
    const artifact = await loadArtifact(join(folder, name), { threads });
    const feeds = { input: channelsLast(input) };
    return async () => (await artifact.run('predict', feeds)).output;
  }
  const small = system === 'onnxruntime-int8';
  const file = await readFile(join(folder, small ? `${name}-int8.onnx` : `${name}.onnx`));
  const runtime = await OnnxRuntime.open(file, { threads });
  const feeds = { input: small ? channelsLast(input) : input };
  return async () => (await runtime.run(feeds)).output;
}

function compare(got: Tensor | undefined, expected: Tensor | undefined): void {
  const wanted = Array.from(expected?.data ?? [], Number);
  const largest = Math.max(...wanted.map(Math.abs));
  const apart = wanted.map((value, i) => Math.abs(value - Number(got?.data[i])));
  if (got?.data.length !== wanted.length || !(Math.max(...apart) < tolerance * largest)) {
    throw new Error(`${system} gives other numbers for ${name}: its speed does not count.`);
  }
}
