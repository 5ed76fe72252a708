import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Graph, nn, Session } from '@vanda/engine';
import { uniform } from '../networks/numbers.ts';
import type { Measurement } from '../result.ts';

const rounds = 5;
const callsOfARound = 50_000;

/** What a caller waits for: one row through a small network, and the plan of a process that begins. */
export function* callCases(): Generator<Measurement> {
  yield { case: 'mlp-b1-call', value: oneCall(), ...ours };
  yield {
    case: 'mnist-cnn-load-compile',
    value: median(Array.from({ length: rounds }, start)),
    ...ours,
  };
}

const ours = { system: 'vanda', unit: 'us', better: 'lower' } as const;

/** One call from JavaScript of 784 - 128 - 10 on one row that changes, its answer read. */
function oneCall(): number {
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, 784]);
  const layers = nn.sequential([nn.dense(128, { activation: 'relu' }), nn.dense(10)]);
  const logits = layers.apply(x, { training: false });
  const session = new Session(graph, { threads: 1 });
  const call = session.prepare({ x: [1, 784] }, { logits });
  const row = uniform(1, [784], -1, 1);
  const inputs = call.feeds.x?.data as Float32Array;
  const outputs = call.outputs.logits.data as Float32Array;
  let sum = 0;
  const timed = () => {
    const from = performance.now();
    for (let index = 0; index < callsOfARound; index += 1) {
      inputs.set(row);
      inputs[index % 784] = 0;
      call.run();
      sum += outputs[0] ?? NaN;
    }
    return ((performance.now() - from) * 1000) / callsOfARound;
  };
  timed();
  const value = median(Array.from({ length: rounds }, timed));
  session.close();
  if (!Number.isFinite(sum)) throw new Error('The network of one row answers with no numbers.');
  return value;
}

function start(): number {
  const script = join(import.meta.dirname, 'start-one.ts');
  // Types are stripped once, as in a process that `npm start` starts.
  const NODE_COMPILE_CACHE = join(import.meta.dirname, '../.data/compiled');
  const { status, stdout } = spawnSync(process.execPath, [script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE },
  });
  if (status !== 0) throw new Error('Loading and compiling could not be measured.');
  return Number(stdout);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
