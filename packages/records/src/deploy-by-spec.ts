import { type CompletedSpec, type JobMetrics, metricNames } from '@vanda/contracts';
import type { Tx } from './database.ts';
import { createEndpoint, deployVersion } from './endpoints.ts';
import type { JobRow } from './jobs.ts';

interface NewVersion {
  model: { id: string; name: string };
  version: number;
  versionId: string;
}

/**
 * Does what the spec's `deploy` asks for: makes the endpoint, or puts the new version behind it. Where it cannot,
 * the version stays registered and the note says why: a job does not fail for its deployment.
 */
export async function deployBySpec(
  tx: Tx,
  job: JobRow,
  made: NewVersion,
  metrics: JobMetrics,
): Promise<{ endpoint: string | null; note: string | null }> {
  const { deploy } = job.spec as unknown as CompletedSpec;
  if (deploy === undefined) return { endpoint: null, note: null };
  const label = `${made.model.name}@${made.version}`;
  const missed = missedBound(deploy, metrics);
  if (missed !== null) return { endpoint: null, note: `${label} was not deployed: ${missed}` };
  // The first creation of a name wins; a second one at the same moment waits here and finds it.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${deploy.endpoint}, 2))`;
  const live = await tx.endpoint.findFirst({ where: { name: deploy.endpoint, deletedAt: null } });
  const target = { id: made.versionId, version: made.version, modelId: made.model.id };
  const actor = `job ${job.id}`;
  const { projectId } = job;
  if (live === null) {
    await createEndpoint(tx, { projectId, name: deploy.endpoint, target, actor });
  } else if (live.projectId !== projectId || live.modelId !== made.model.id) {
    const why = live.projectId === projectId ? 'is bound to another model' : 'is taken';
    const note = `${label} was not deployed: the endpoint name "${deploy.endpoint}" ${why}.`;
    return { endpoint: null, note };
  } else {
    await deployVersion(tx, live, 'deploy', target, actor);
  }
  return { endpoint: deploy.endpoint, note: `${label} was deployed to "${deploy.endpoint}".` };
}

/** The first bound that the test split does not meet, as a sentence with the numbers; null when all are met. */
function missedBound(
  deploy: NonNullable<CompletedSpec['deploy']>,
  metrics: JobMetrics,
): string | null {
  const sides = [
    { bounds: deploy.minimum, word: 'below the minimum', holds: (a: number, b: number) => a >= b },
    { bounds: deploy.maximum, word: 'above the maximum', holds: (a: number, b: number) => a <= b },
  ];
  for (const { bounds, word, holds } of sides) {
    for (const name of Object.keys(metricNames) as (keyof typeof metricNames)[]) {
      const bound = bounds?.[name];
      if (bound === undefined) continue;
      const value = metrics.test?.[name];
      if (value === undefined)
        return `there is no ${name} on the test split to hold against ${bound}.`;
      if (!holds(value, bound)) {
        return `${name} on the test split is ${Number(value.toPrecision(4))}, ${word} of ${bound}.`;
      }
    }
  }
  return null;
}
