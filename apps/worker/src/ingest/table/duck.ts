import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export type Duck = {
  run(sql: string): Promise<void>;
  /** Rows as objects; 64-bit integers come as numbers where they are exact, else as text. */
  rows<Row extends Record<string, unknown>>(sql: string): Promise<Row[]>;
  interrupt(): void;
  close(): void;
};

/**
 * A database of its own for one ingest, on disk so that memory stays flat. Data is hostile: the
 * process may read and write below `folder` only, fetches no extension, and cannot undo either.
 */
export async function openDuck(folder: string, memoryMaxMb = 1400): Promise<Duck> {
  const instance = await DuckDBInstance.create(join(folder, 'work.duckdb'), {
    threads: '2',
    memory_limit: `${memoryMaxMb}MB`,
    temp_directory: join(folder, 'spill'),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    preserve_insertion_order: 'true',
  });
  const connection = await instance.connect();
  await connection.run(`SET allowed_directories = [${text(folder)}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
  return {
    run: async (sql) => {
      await connection.run(sql);
    },
    rows: (sql) => readRows(connection, sql),
    interrupt: () => connection.interrupt(),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function readRows<Row>(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJS().map((row) => plain(row) as Row);
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object' && value.constructor === Object) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

/** An SQL identifier. */
export function name(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** An SQL string literal. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
