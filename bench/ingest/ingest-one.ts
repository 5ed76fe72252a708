import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runIngest } from '../../apps/worker/src/ingest/run-ingest.ts';

// One push of the files that are named, from the files on disk to the files of the version.
const folder = await mkdtemp(join(tmpdir(), 'vanda-bench-push-'));
try {
  const startedAt = performance.now();
  const { receipt } = await runIngest({
    files: process.argv.slice(2).map((path) => ({ path, filename: basename(path) })),
    options: {},
    projectId: 'prj_bench',
    workDir: join(folder, 'work'),
    outDir: join(folder, 'out'),
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const memory = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ seconds, memory, ...receipt }));
} finally {
  await rm(folder, { recursive: true, force: true });
}
