import { join } from 'node:path';
import { claimNextImport } from '@vanda/records';
import { sweepFolders } from '../bounded/work-folder.ts';
import { startClaimLoop } from '../claim-loop.ts';
import type { Role, WorkerDeps } from '../deps.ts';
import { performImport } from './perform-import.ts';

/** Each may need gigabytes of memory for a moment. */
const importsAtOnce = 1;

/** Turns models of other tools into model versions, each in a process of its own. Part of the role that trains. */
export async function startImporting(deps: WorkerDeps): Promise<Role> {
  const { config, db, workerId } = deps;
  const folder = join(config.home, 'imports');
  await sweepFolders(folder);
  return startClaimLoop(deps, {
    queue: 'import',
    atOnce: importsAtOnce,
    claim: () => claimNextImport(db, { id: workerId, leaseMs: config.leaseMs }),
    idOf: (claim) => claim.importId,
    perform: (claim, stop) => performImport(deps, claim, folder, stop),
  });
}
