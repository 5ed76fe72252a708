import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { freePort, portTrouble } from '../services/free-port.ts';
import type { PostgresCluster } from '../services/postgres.ts';
import { identifyProcess, livesOn, readIdentity } from '../services/process-identity.ts';
import { SetupError } from '../setup/run-command.mjs';

/** What an installation keeps for itself from its first start on. */
export interface Installation {
  postgresPort: number;
  postgresPassword: string;
  redisPort: number;
  redisPassword: string;
  /** 32 random bytes in hex: signs sessions and the disk store's URLs. */
  secret: string;
}

const bytesToRun = 300_000_000;

/** The state folder, made when it is not there, for this account alone. */
export function openHome(home: string): void {
  try {
    mkdirSync(join(home, 'run'), { recursive: true, mode: 0o700 });
    mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
    accessSync(home, constants.W_OK);
    chmodSync(home, 0o700);
  } catch (error) {
    const { message } = error as Error;
    throw new SetupError(
      `The state folder ${home} cannot be written (${message}): ` +
        'set VANDA_HOME to a folder of your own, or start as the user who owns it.',
    );
  }
  const { bavail, bsize } = statfsSync(home);
  if (bavail * bsize < bytesToRun) {
    throw new SetupError(
      `The disk that holds ${home} has ${Math.round((bavail * bsize) / 1e6)} MB left, and Vanda ` +
        'needs 300 MB to run: free some space, or set VANDA_HOME to a folder on another disk.',
    );
  }
}

/** Makes this process the only one that runs the state folder; the function gives it back. */
export function lockHome(home: string): () => void {
  const file = join(home, 'lock');
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identifyProcess(process.pid)), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        // A link either makes the whole lock or fails: nobody ever reads half of one.
        linkSync(mine, file);
        return () => rmSync(file, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = readIdentity(file);
      if (owner && livesOn(owner)) {
        throw new SetupError(
          `Vanda already runs with the state folder ${home} (process ${owner.pid}): use that one, ` +
            'stop it with Ctrl-C, or set VANDA_HOME, VANDA_PORT and VANDA_INFERENCE_PORT for a second one.',
        );
      }
      // Its owner is dead. Moving it away has one winner; the loser meets the winner's lock.
      const stale = `${mine}.stale`;
      renameSync(file, stale);
      rmSync(stale, { force: true });
    }
    throw new SetupError(`Another start is taking over the state folder ${home}: try again.`);
  } finally {
    rmSync(mine, { force: true });
  }
}

export function installationFile(home: string): string {
  return join(home, 'installation.json');
}

/** The embedded Postgres of an installation. */
export function postgresCluster(home: string, installation: Installation): PostgresCluster {
  return {
    folder: join(home, 'postgres'),
    port: installation.postgresPort,
    password: installation.postgresPassword,
    database: 'vanda',
    survives: 'power-loss',
  };
}

/** Reads or makes the installation's own ports and secrets. A port taken meanwhile is replaced. */
export async function openInstallation(home: string): Promise<Installation> {
  const file = installationFile(home);
  const kept: Partial<Installation> = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : {};
  const installation: Installation = {
    postgresPort: await usablePort(kept.postgresPort),
    postgresPassword: kept.postgresPassword ?? randomBytes(24).toString('hex'),
    redisPort: await usablePort(kept.redisPort),
    redisPassword: kept.redisPassword ?? randomBytes(24).toString('hex'),
    secret: kept.secret ?? randomBytes(32).toString('hex'),
  };
  writePrivate(file, installation);
  return installation;
}

async function usablePort(port: number | undefined): Promise<number> {
  return port && (await portTrouble(port, '127.0.0.1')) === null ? port : freePort();
}

/** Writes JSON that only this account may read: as a whole or not at all. */
export function writePrivate(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
