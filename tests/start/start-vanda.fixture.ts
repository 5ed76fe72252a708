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
  /** What the kernel says that it does: S waits, R computes, D waits for a disk. */
  state: string;
}

/** Every process that was told of this state folder, by its environment or its arguments. */
export function processesOf(place: Place): Running[] {
  const marks = [place.home];
  try {
    // Redis writes its own name over what it was told; its port stays readable.
    const kept = JSON.parse(readFileSync(join(place.home, 'installation.json'), 'utf8'));
    marks.push(`redis-server 127.0.0.1:${kept.redisPort}`);
  } catch {
    // Before the first start there is no Redis either.
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const told = `${commandLine}\n${readFileSync(`/proc/${name}/environ`, 'utf8')}`;
        const its = commandLine !== '' && marks.some((mark) => told.includes(mark));
        if (!its) return [];
        const state = /^State:\s+(.*)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
        return [{ pid: Number(name), commandLine, state: state ?? '' }];
      } catch {
        return [];
      }
    });
}

/**
 * Waits until no process of this place lives; what still does is in the error, with the end of its log. A worker
 * whose supervisor was killed gives itself 10 s to let go of what it does.
 */
export async function untilNobodyLives(place: Place, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let left = processesOf(place); left.length > 0; left = processesOf(place)) {
    if (Date.now() > deadline) {
      const logs = join(place.home, 'logs');
      const tails = readdirSync(logs).map((name) => {
        const lines = readFileSync(join(logs, name), 'utf8').trimEnd().split('\n');
        return `${name}:\n${lines.slice(-8).join('\n')}`;
      });
      throw new Error(`Still alive: ${JSON.stringify(left)}\n${tails.join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
