import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Measurement } from '../result.ts';

const here = import.meta.dirname;

/**
 * Runs a peer's script in a Python environment of its own (made in bench/.peers at first use) and yields its
 * measurements.
 *
 * @param packages What pip installs into the environment, for instance ['torch', 'numpy'].
 */
export async function* peer(
  packages: string[],
  script: string,
  words: string[] = [],
): AsyncGenerator<Measurement> {
  const environment = packages.join('-').replaceAll(/[^a-z0-9-]/g, '');
  const folder = join(here, '..', '.peers', environment);
  const python = join(folder, 'bin', 'python');
  const made = join(folder, 'made');
  if (!existsSync(made)) {
    console.error(`Making the Python environment ${environment} (${packages.join(', ')}); once.`);
    run('python3', ['-m', 'venv', folder]);
    run(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
    run('touch', [made]);
  }
  const child = spawn(python, [join(here, script), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    yield JSON.parse(line) as Measurement;
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${script} ended with code ${code}.`);
}

function run(command: string, words: string[]): void {
  const { status } = spawnSync(command, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed.`);
}
