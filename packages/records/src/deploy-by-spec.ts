import { type CompletedSpec, type JobMetrics, metricNames } from '@vanda/contracts';
import { notify, type Tx } from './database.ts';
import { newId } from './ids.ts';
import type { JobRow } from './jobs.ts';
import { writeHistory } from './transition.ts';

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
  const found = await tx.$queryRaw<
    { id: string; project_id: string; model_id: string; seq: number }[]
  >`
    SELECT id, project_id, model_id, seq FROM endpoints
    WHERE name = ${deploy.endpoint} AND deleted_at IS NULL FOR UPDATE`;
  const endpoint = found[0];
  if (endpoint !== undefined && endpoint.project_id !== job.projectId) {
    return {
      endpoint: null,
      note: `${label} was not deployed: the endpoint name "${deploy.endpoint}" is taken.`,
    };
  }
  if (endpoint !== undefined && endpoint.model_id !== made.model.id) {
    return {
      endpoint: null,
      note: `${label} was not deployed: the endpoint "${deploy.endpoint}" is bound to another model.`,
    };
  }
  const id = endpoint?.id ?? newId('ep');
  const seq = (endpoint?.seq ?? 0) + 1;
  if (endpoint === undefined) {
    await tx.endpoint.create({
      data: {
        id,
        projectId: job.projectId,
        name: deploy.endpoint,
        modelId: made.model.id,
        state: 'active',
        seq,
      },
    });
  } else {
    await tx.$executeRaw`UPDATE endpoints SET seq = ${seq}, updated_at = now() WHERE id = ${id}`;
  }
  const action = endpoint === undefined ? 'create' : 'deploy';
  await tx.ledgerEntry.create({
    data: {
      endpointId: id,
      seq,
      action,
      modelVersionId: made.versionId,
      traffic: [{ version: made.version, percent: 100 }],
      actor: `job ${job.id}`,
    },
  });
  await writeHistory(tx, {
    projectId: job.projectId,
    noun: 'endpoint',
    subjectId: id,
    label: deploy.endpoint,
    from: endpoint === undefined ? null : 'active',
    to: 'active',
    event: action,
    reason: label,
  });
  await notify(tx, 'vanda_endpoints', id);
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
