import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../tools/services/free-port.ts';

const main = join(import.meta.dirname, '../../tools/start/main.mjs');

/** A state folder and ports for one installation, which may be started again and again. */
export interface Place {
  home: string;
  port: number;
  inferencePort: number;
  remove(): void;
}

export async function makePlace(): Promise<Place> {
  // As a user's home may be: nobody else may pass through it.
  const parent = mkdtempSync(join(tmpdir(), 'vanda-start-'));
  return {
    home: join(parent, 'home'),
    port: await freePort(),
    inferencePort: await freePort(),
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** One `npm start`, as a user sees it. */
export class Start {
  readonly #child: ChildProcess;
  readonly exited: Promise<number>;
  output = '';

  constructor(place: Place, ...args: string[]) {
    this.#child = spawn(process.execPath, [main, ...args], {
      env: {
        ...process.env,
        VANDA_HOME: place.home,
        VANDA_PORT: String(place.port),
        VANDA_INFERENCE_PORT: String(place.inferencePort),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.output += chunk.toString();
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.exited = new Promise((resolve) =>
      this.#child.once('close', (code) => resolve(code ?? -1)),
    );
  }

  /** Waits until the output has it; fails with all of the output when the start ends before. */
  async until(expected: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = expected.exec(this.output);
      if (match) return match;
      const ended = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (ended || Date.now() > deadline) {
        throw new Error(
          `${expected} ${ended ? 'never' : 'not in time'} came. Output:\n${this.output}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ctrl-C. */
  async interrupt(): Promise<number> {
    this.#child.kill('SIGINT');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

export interface Running {
  pid: number;
  commandLine: string;
}

/** Every process that was told of this state folder, by its environment or its arguments. */
export function processesOf(place: Place): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8');
        const its = `${commandLine}\n${environment}`.includes(place.home);
        return its && commandLine ? [{ pid: Number(name), commandLine }] : [];
      } catch {
        return [];
      }
    });
}
