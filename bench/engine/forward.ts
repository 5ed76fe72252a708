import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from '../peers/peer.ts';
import type { CaseOptions, Measurement } from '../result.ts';

const made = join(import.meta.dirname, '../.data/forward');
const environment = ['torch', 'torchvision', 'onnx', 'numpy'];
/** Networks of torchvision with random weights: what is in them has no bearing on how fast they are. */
const networks = ['inception_v3', 'mobilenet_v2', 'resnet50'];
const starts = 5;

/**
 * Networks that answer, at one picture and at sixteen, each system in a process of its own: PyTorch makes and exports
 * them and runs them first, then the engine and ONNX Runtime run the exported file. They need the peers' environment.
 */
export async function* forwardCases({ peers, wants }: CaseOptions): AsyncIterable<Measurement> {
  for (const name of networks.map((network) => network.replaceAll('_', '-'))) {
    if (!peers || !wants(name)) continue;
    mkdirSync(made, { recursive: true });
    const theirs = peer(environment, 'torch_forward.py', [name.replaceAll('-', '_'), made]);
    const measured: Measurement[] = [];
    for await (const one of theirs) measured.push(one);
    yield* lines<Measurement>('forward-one.ts', [name, made]);
    yield* measured;
    if (name !== 'inception-v3') continue;
    const words = [join(made, name)];
    const values = Array.from(
      { length: starts },
      () => lines<number>('forward-start.ts', words)[0],
    );
    const value = values.sort((a = NaN, b = NaN) => a - b)[starts >> 1] ?? NaN;
    yield { case: `${name}-load-compile`, system: 'vanda', value, unit: 'us', better: 'lower' };
  }
}

function lines<T>(script: string, words: string[]): T[] {
  // Types are stripped once, as in a process that `npm start` starts.
  const NODE_COMPILE_CACHE = join(import.meta.dirname, '../.data/compiled');
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, script), ...words],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      env: { ...process.env, NODE_COMPILE_CACHE },
    },
  );
  if (status !== 0) throw new Error(`${script} ${words.join(' ')} could not be measured.`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
