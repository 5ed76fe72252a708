import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { networks } from '../networks/networks.ts';
import { peer } from '../peers/peer.ts';
import type { CaseOptions, Measurement } from '../result.ts';
import { callCases } from './calls.ts';
import { forwardCases } from './forward.ts';
import type { TrainedOne } from './train-one.ts';
import { wordVectorCases } from './word-vectors.ts';

/** Networks whose speed is raced; the others are there for their numbers. */
const raced = [
  'linreg-b32',
  'mlp-b32',
  'mlp-b128-wide',
  'mnist-cnn-b128',
  'resnet20-b128',
  'wide-deep-b256',
  'charlstm-b32-t64',
  'textformer-b32-t64',
];
/** How far two engines' first losses may be apart: they add in different orders. */
const tolerance = 1e-3;

/** A training step and the process's peak memory, each network and system in a process of its own; then calls, words, answers. */
export async function* cases(options: CaseOptions): AsyncIterable<Measurement> {
  for (const { name } of networks.filter((network) => raced.includes(network.name))) {
    if (!options.wants(name)) continue;
    const ours = trainOne(name);
    const fixed = { system: 'vanda', better: 'lower' } as const;
    yield { case: name, value: ours.us, unit: 'us', ...fixed };
    yield { case: `${name}-memory`, value: ours.peakBytes, unit: 'bytes', ...fixed };
    if (!options.peers) continue;
    for (const script of ['torch_train.py', 'tf_train.py']) {
      yield* checked(name, ours.losses, peer(environments[script] ?? [], script, [name]));
    }
  }
  if (options.wants('calls')) yield* callCases();
  if (options.wants('word2vec')) yield* wordVectorCases(options);
  yield* forwardCases(options);
}

const environments: Record<string, string[]> = {
  'torch_train.py': ['torch', 'numpy'],
  'tf_train.py': ['tensorflow-cpu', 'numpy'],
};

function trainOne(name: string): TrainedOne {
  const script = join(import.meta.dirname, 'train-one.ts');
  const { status, stdout } = spawnSync(process.execPath, [script, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${name} could not be measured.`);
  return JSON.parse(stdout) as TrainedOne;
}

/** Passes on what a peer measured, but nothing of a system whose losses are not ours. */
async function* checked(
  name: string,
  ours: readonly number[],
  measurements: AsyncIterable<Measurement>,
): AsyncGenerator<Measurement> {
  const refused = new Set<string>();
  for await (const { losses, ...measurement } of measurements) {
    const apart = losses?.map(
      (loss, step) => Math.abs((ours[step] ?? NaN) - loss) / Math.abs(loss),
    );
    if (apart && !(Math.max(...apart) < tolerance)) {
      console.error(
        `${name}: ${measurement.system} has the losses ${losses}, not ${ours}: its speed does not count.`,
      );
      process.exitCode = 1;
      refused.add(measurement.system);
    }
    if (!refused.has(measurement.system)) yield measurement;
  }
}
