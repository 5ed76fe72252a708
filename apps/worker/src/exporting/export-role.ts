import { join } from 'node:path';
import { claimNextExport } from '@vanda/records';
import { sweepFolders } from '../bounded/work-folder.ts';
import { startClaimLoop } from '../claim-loop.ts';
import type { Role, WorkerDeps } from '../deps.ts';
import { DatasetCache } from '../training/dataset-cache.ts';
import { performExport } from './perform-export.ts';

/** An export takes seconds; more at once would only take the cores from those who train. */
const exportsAtOnce = 1;

/** Turns model versions into other formats, each in a process of its own. Part of the role that trains. */
export async function startExporting(deps: WorkerDeps): Promise<Role> {
  const { config, db, workerId } = deps;
  const folder = join(config.home, 'exports');
  await sweepFolders(folder);
  const cacheFolder = join(config.home, 'cache', 'datasets');
  const cache = new DatasetCache(cacheFolder, deps.objects, config.cacheBytesMax);
  return startClaimLoop(deps, {
    queue: 'export',
    atOnce: exportsAtOnce,
    claim: () => claimNextExport(db, { id: workerId, leaseMs: config.leaseMs }),
    idOf: (claim) => claim.exportId,
    perform: (claim, stop) => performExport({ ...deps, cache, folder }, claim, stop),
  });
}
