import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { notePointsProduced } from '@vanda/records';
import type { WorkerDeps } from '../deps.ts';
import { sendBatch, type TelemetryBatch, telemetryFile } from './telemetry-log.ts';

const strangeKeptMs = 7 * 24 * 3600 * 1000;

/**
 * Sends what dead attempts on this machine measured and no one acknowledged, and removes their folders. An attempt
 * whose row still says running may live in another process: it is left alone until its lease has run out.
 */
export async function shipLeftovers(
  deps: WorkerDeps,
  folder: string,
  ours: ReadonlySet<string>,
): Promise<number> {
  let shipped = 0;
  for (const attemptId of await readdir(folder).catch(() => [])) {
    if (ours.has(attemptId)) continue;
    const path = join(folder, attemptId);
    const row = await deps.db.attempt.findUnique({ where: { id: attemptId } });
    if (row === null) {
      const info = await stat(path).catch(() => null);
      const old = info !== null && Date.now() - info.mtimeMs > strangeKeptMs;
      if (old) await rm(path, { recursive: true, force: true });
      continue;
    }
    if (row.state === 'running') continue;
    const batches = await readBatches(join(path, telemetryFile));
    for (const batch of batches) await sendBatch(deps.db, { jobId: row.jobId, attemptId }, batch);
    const points = batches.reduce(
      (sum, batch) => sum + (batch.kind === 'metrics' ? batch.items.length : 0),
      0,
    );
    await notePointsProduced(deps.db, attemptId, points);
    await rm(path, { recursive: true, force: true });
    shipped += 1;
  }
  return shipped;
}

/** A last line that was cut by the worker's death was never acknowledged nor relied on: it ends the file. */
async function readBatches(file: string): Promise<TelemetryBatch[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const batches: TelemetryBatch[] = [];
  for (const line of text.split('\n')) {
    try {
      batches.push(JSON.parse(line) as TelemetryBatch);
    } catch {
      break;
    }
  }
  return batches;
}
