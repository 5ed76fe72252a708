import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IngestOptions, StoredFile } from '@vanda/contracts';
import { readShards } from '@vanda/estimators/pictures';
import { type IngestResult, runIngest } from './run-ingest.ts';
import { openDuck, text } from './table/duck.ts';

type Content = string | Uint8Array | { path: string };

/** What a push came to, and what a reader of the stored files finds in them. */
export type Ingested = IngestResult & {
  rows(): Promise<Record<string, unknown>[]>;
  pictures(): Promise<{ label: string; split: string | null; name: string; bytes: number }[]>;
  rejectedLines(): Promise<{ item: string; reason: string; detail?: string }[]>;
  json(file: StoredFile): Promise<unknown>;
};

const folders: string[] = [];

/** Runs the real ingest over files with these names. */
export async function ingest(
  files: Record<string, Content>,
  options: IngestOptions = {},
  datasetKind?: 'table' | 'images',
): Promise<Ingested> {
  const folder = await mkdtemp(join(tmpdir(), 'vanda-ingest-'));
  folders.push(folder);
  const pushed: { path: string; filename: string }[] = [];
  for (const [filename, content] of Object.entries(files)) {
    if (typeof content === 'object' && 'path' in content) {
      pushed.push({ path: content.path, filename });
      continue;
    }
    const path = join(folder, `in-${pushed.length}`);
    await writeFile(path, content);
    pushed.push({ path, filename });
  }
  const outDir = join(folder, 'out');
  const result = await runIngest({
    files: pushed,
    options,
    datasetKind,
    projectId: 'prj_test',
    workDir: join(folder, 'work'),
    outDir,
  });
  const pathOf = (file: StoredFile | undefined) => join(outDir, file?.sha256 ?? 'absent');
  return {
    ...result,
    rows: async () => {
      const duck = await openDuck(outDir);
      try {
        return await duck.rows(
          `SELECT * FROM read_parquet(${text(pathOf(result.profile.files[0]))})`,
        );
      } finally {
        duck.close();
        await rm(join(outDir, 'work.duckdb'), { force: true });
      }
    },
    pictures: async () => {
      const items = [];
      for await (const item of readShards(result.profile.files.map(pathOf))) {
        const { picture, place: _, ...rest } = item;
        const bytes = picture instanceof Uint8Array ? picture.length : picture.data.length;
        items.push({ ...rest, bytes });
      }
      return items;
    },
    rejectedLines: async () => {
      const lines = await readFile(pathOf(result.rejected), 'utf8');
      return lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    },
    json: async (file) => JSON.parse(await readFile(pathOf(file), 'utf8')),
  };
}

/** To be called after the tests of a file. */
export async function removeIngested(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}
