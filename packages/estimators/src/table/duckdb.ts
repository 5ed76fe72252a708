import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';

/** A private in-memory DuckDB that can neither load extensions nor outgrow its memory. */
export interface DuckDb {
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Chunks of about 2,000 rows, in the order of the source, read as they are asked for. */
  stream(sql: string): Promise<AsyncIterable<DuckDBDataChunk>>;
  close(): void;
}

export async function openDuckDb(options: { threads: number }): Promise<DuckDb> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: '1GB',
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    temp_directory: '',
  });
  const connection = await instance.connect();
  const streams: DuckDBConnection[] = [];
  return {
    run: async (sql) => {
      await connection.run(sql);
    },
    rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJS(),
    stream: async (sql) => {
      // A connection holds one open result; wide tables are read by several at once.
      const own = await instance.connect();
      streams.push(own);
      return await own.stream(sql);
    },
    close: () => {
      for (const opened of [connection, ...streams]) opened.closeSync();
      instance.closeSync();
    },
  };
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
