import { join } from 'node:path';
import { createCluster, postgresProcess, postgresUrl } from '../services/postgres.ts';
import { reapLeftover } from '../services/process-identity.ts';
import { redisProcess, redisUrl } from '../services/redis.ts';
import {
  type ProcessEvent,
  type ProcessSpec,
  SupervisedProcess,
} from '../services/supervised-process.ts';
import { type VandaSettings, vandaProcesses } from '../services/vanda.ts';
import { root } from '../setup/npm-packages.mjs';
import { elapsed, say, step } from '../setup/progress.mjs';
import { SetupError } from '../setup/run-command.mjs';
import { openInstallation, postgresCluster } from './home.ts';
import type { StartSettings } from './settings.ts';

/** What users call the servers. */
const titles: Record<string, string> = {
  postgres: 'Postgres',
  redis: 'Redis',
  api: 'the API',
  worker: 'the worker',
  serve: 'the inference server',
};

/** All servers of one installation. */
export class Machine {
  readonly #home: string;
  readonly #processes = new Map<string, SupervisedProcess>();
  #stopping = false;
  #toldOfFullDiskAt = 0;

  constructor(home: string) {
    this.#home = home;
  }

  /** Servers of an earlier start that was killed, as far as the kernel has not ended them yet. */
  async reapLeftovers(): Promise<void> {
    const file = (name: string) => join(this.#home, 'run', `${name}.json`);
    await Promise.all(['api', 'worker', 'serve'].map((name) => reapLeftover(file(name))));
    await Promise.all([
      reapLeftover(file('postgres'), 'SIGINT', 20_000),
      reapLeftover(file('redis')),
    ]);
  }

  /** Starts the servers in the order in which they need each other. */
  async start(settings: StartSettings): Promise<VandaSettings> {
    const installation = await openInstallation(settings.home);
    const cluster = postgresCluster(settings.home, installation);
    const redis = {
      folder: join(settings.home, 'redis'),
      port: installation.redisPort,
      password: installation.redisPassword,
    };
    await step('Starting Postgres and Redis', async () => {
      await createCluster(cluster);
      await Promise.all([
        this.#run(await postgresProcess(cluster)),
        this.#run(redisProcess(redis)),
      ]);
      const { deployMigrations } = await import('@vanda/records');
      await deployMigrations(postgresUrl(cluster), join(root, 'prisma/migrations'));
    });
    const vanda: VandaSettings = {
      ...settings,
      databaseUrl: postgresUrl(cluster),
      redisUrl: redisUrl(redis),
      secret: installation.secret,
    };
    const { api, worker, serve } = vandaProcesses(vanda);
    await step('Starting the API, the worker and the inference server', () =>
      Promise.all([this.#run(api), this.#run(worker), this.#run(serve)]),
    );
    return vanda;
  }

  /** Stops all in order: who takes requests first, who holds the facts last. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#stop('api');
    await Promise.all([this.#stop('worker'), this.#stop('serve')]);
    await Promise.all([this.#stop('redis'), this.#stop('postgres')]);
  }

  async #stop(name: string): Promise<void> {
    await this.#processes.get(name)?.stop();
    this.#processes.delete(name);
  }

  async #run(spec: ProcessSpec): Promise<void> {
    // Asked to stop in the middle of a start: nothing new may begin behind the stop's back.
    if (this.#stopping) throw new SetupError('Stopped before everything was started.');
    const complete = {
      ...spec,
      logFile: join(this.#home, 'logs', `${spec.name}.log`),
      pidFile: join(this.#home, 'run', `${spec.name}.json`),
    };
    const running = new SupervisedProcess(complete, (event) => this.#tell(event));
    this.#processes.set(spec.name, running);
    try {
      await running.start();
    } catch (error) {
      const title = titles[spec.name] ?? spec.name;
      const said = (error as Error).message.split('\n').slice(1).map(readable).join('\n  ');
      throw new SetupError(
        `${title[0]?.toUpperCase()}${title.slice(1)} could not be started. It said:\n  ${said}\n` +
          `Its log is ${complete.logFile}.`,
      );
    }
  }

  #tell(event: ProcessEvent): void {
    if (this.#stopping) return;
    const title = titles[event.name] ?? event.name;
    if (event.kind === 'ended') {
      say(`! ${title} ended (${event.how}) after ${elapsed(event.upMs)}; starting it again.`);
      const words = event.tail.filter((line) => !isDaily(line));
      for (const line of words.slice(-3)) say(`    ${readable(line)}`);
    } else if (event.kind === 'ready' && event.restarts > 0) {
      say(`✓ ${title} is back (restart ${event.restarts}).`);
    } else if (event.kind === 'line' && isFull(event.line)) {
      this.#tellOfFullDisk();
    } else if (event.kind === 'line' && isFatal(event.line)) {
      say(`! ${title}: ${readable(event.line)}`);
    }
  }

  /** Every server meets a full disk many times a second; a person needs to hear of it now and then. */
  #tellOfFullDisk(): void {
    if (Date.now() - this.#toldOfFullDiskAt < 60_000) return;
    this.#toldOfFullDiskAt = Date.now();
    say(
      `! The disk that holds ${this.#home} is full: free some space, and the servers go on by themselves.`,
    );
  }
}

/** Lines of JSON log below a warning say nothing about an end. */
function isDaily(line: string): boolean {
  return /"level":[123]0\b/.test(line);
}

/** What a person at the screen must see: a server's last words, not its daily errors. */
function isFatal(line: string): boolean {
  return /"level":60\b/.test(line) || /\bPANIC:/.test(line);
}

function isFull(line: string): boolean {
  return /No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/.test(line);
}

/** The message of a line of JSON log, else the line. */
function readable(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return [msg, err?.message].filter(Boolean).join(': ') || line;
  } catch {
    return line;
  }
}
