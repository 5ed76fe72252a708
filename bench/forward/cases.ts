import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { CaseOptions, Measurement } from '../result.ts';

/** Trained networks of the shelf that the packages of development bring along. */
const networks = ['inception_v3', 'mobilenet_v2', 'mobilenet_v2_mid'];

/** A network's answers to one picture and to sixteen; each network in a process of its own. */
export async function* cases({ peers, wants }: CaseOptions): AsyncIterable<Measurement> {
  for (const name of networks) {
    if (!wants(name)) continue;
    const script = join(import.meta.dirname, 'forward-one.ts');
    const words = [script, name, ...(peers ? ['--peers'] : [])];
    const { status, stdout } = spawnSync(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${name} could not be measured.`);
    for (const line of stdout.trim().split('\n')) yield JSON.parse(line) as Measurement;
  }
}
