import { join } from 'node:path';
import { claimNextIngest } from '@vanda/records';
import { sweepFolders } from '../bounded/work-folder.ts';
import { startClaimLoop } from '../claim-loop.ts';
import type { Role, WorkerDeps } from '../deps.ts';
import { performIngest } from './perform-ingest.ts';

const ingestsAtOnce = 2;

/** Turns pushes into dataset versions, each in a process of its own. */
export async function startIngestRole(deps: WorkerDeps): Promise<Role> {
  const { config, db, workerId } = deps;
  const folder = join(config.home, 'ingests');
  await sweepFolders(folder);
  return startClaimLoop(deps, {
    queue: 'ingest',
    atOnce: ingestsAtOnce,
    claim: () => claimNextIngest(db, { id: workerId, leaseMs: config.leaseMs }),
    idOf: (claim) => claim.ingestId,
    perform: (claim, stop) => performIngest(deps, claim, folder, stop),
  });
}
