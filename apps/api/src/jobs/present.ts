import { type AttemptView, beatsGuessing, type JobPreview, type JobView } from '@vanda/contracts';
import {
  deployedBy,
  explainWaiting,
  type JobDetails,
  objectsOfVersions,
  receivedPoints,
  splitsOf,
  type Tx,
} from '@vanda/records';
import { presentFailure } from '../datasets/present.ts';
import type { Deps } from '../deps.ts';
import { endpointUrl } from '../endpoints/present.ts';
import { baseOf, predictionsUrl } from '../models/present.ts';
import { sentenceOf } from './sentence.ts';

const splitsForS = 60 * 60;

export async function presentJob(deps: Deps, row: JobDetails, tx?: Tx): Promise<JobView> {
  return (await presentJobs(deps, [row], tx))[0] as JobView;
}

/** What is beside the rows is read once for all of them. */
export async function presentJobs(deps: Deps, rows: JobDetails[], tx?: Tx): Promise<JobView[]> {
  const db = tx ?? deps.db;
  const attemptIds = rows.flatMap((row) => row.attempts.map((attempt) => attempt.id));
  const versionIds = rows.flatMap((row) => (row.modelVersion ? [row.modelVersion.id] : []));
  const waiting = await explainWaiting(db, rows);
  const received = await receivedPoints(db, attemptIds);
  const deployed = versionIds.length > 0 ? await deployedBy(db, versionIds) : [];
  const predictions = await objectsOfVersions(db, versionIds, 'predictions');
  const splits = await splitsOf(
    db,
    rows.map((row) => row.id),
  );
  return Promise.all(
    rows.map(async (row) => {
      const key = splits.get(row.id);
      const version = row.modelVersion;
      const kept = version === null ? undefined : predictions.get(version.id);
      const url =
        key &&
        (await deps.objects.signGet(key, {
          expiresInS: splitsForS,
          filename: `${row.name}-${row.id}-splits.parquet`,
          contentType: 'application/vnd.apache.parquet',
        }));
      return present(deps, row, {
        waiting: waiting.get(row.id) ?? null,
        received,
        endpoint: endpointOf(row, deployed),
        splits: url ?? null,
        predictions: await predictionsUrl(deps, kept, `${row.name}-${version?.version}`),
      });
    }),
  );
}

interface Beside {
  waiting: string | null;
  received: Map<string, number>;
  endpoint: string | null;
  splits: string | null;
  predictions: string | null;
}

function present(deps: Deps, row: JobDetails, beside: Beside): JobView {
  const { datasetVersion: data, modelVersion } = row;
  const { endpoint, waiting, received } = beside;
  const view: Omit<JobView, 'sentence'> = {
    object: 'job',
    id: row.id,
    name: row.name,
    kind: 'train',
    task: row.task as JobView['task'],
    state: row.state as JobView['state'],
    waiting,
    progress: row.progress as JobView['progress'],
    failure: presentFailure(row),
    warnings: row.warnings as string[],
    spec: row.spec as Record<string, unknown>,
    submittedSpec: row.submittedSpec as Record<string, unknown>,
    dataset: { name: data.dataset.name, version: data.version, contentHash: data.contentHash },
    device: row.device,
    priority: row.priority,
    metrics: row.metrics as JobView['metrics'],
    preview: presentPreview(row),
    base: baseOf(row.spec),
    model: modelVersion && `${modelVersion.model.name}@${modelVersion.version}`,
    endpoint:
      endpoint === null
        ? null
        : { name: endpoint, url: endpointUrl(deps.config.inferenceUrl, endpoint) },
    deployNote: row.deployNote,
    splits: beside.splits,
    predictions: beside.predictions,
    attempts: row.attempts.map((attempt) => presentAttempt(attempt, received.get(attempt.id) ?? 0)),
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
  return { ...view, sentence: sentenceOf(view) };
}

function presentAttempt(row: JobDetails['attempts'][number], received: number): AttemptView {
  return {
    id: row.id,
    number: row.number,
    state: row.state as AttemptView['state'],
    worker: row.workerId,
    startStep: row.startStep,
    produced: Math.max(row.produced, received),
    received,
    failure: presentFailure(row),
    startedAt: row.startedAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}

/** Of a job that has ended it is only there until somebody frees it. */
function presentPreview({ preview, state }: JobDetails): JobPreview | null {
  if (preview === null || ['succeeded', 'failed', 'cancelled'].includes(state)) return null;
  const { epoch, chance, createdAt } = preview;
  const validation = preview.validation as JobPreview['validation'];
  return {
    epoch,
    validation,
    chance,
    goodEnough: beatsGuessing(validation, chance),
    createdAt: createdAt.toISOString(),
  };
}

/** The endpoint that the spec asked for, where it lives and was told to serve this job's version. */
function endpointOf(
  row: JobDetails,
  deployed: { versionId: string; endpoint: string }[],
): string | null {
  const wanted = (row.spec as { deploy?: { endpoint?: string } }).deploy?.endpoint;
  const there = deployed.some(
    (entry) => entry.versionId === row.modelVersion?.id && entry.endpoint === wanted,
  );
  return there && wanted !== undefined ? wanted : null;
}
