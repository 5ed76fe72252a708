import type { DatasetProfile, Failure, IngestOptions, Receipt, StoredFile } from '@vanda/contracts';
import { VandaError } from '@vanda/contracts';
import { type Database, inTransaction, Prisma, type Tx } from './database.ts';
import { newId } from './ids.ts';
import { writeOutbox } from './outbox.ts';
import { nameObject } from './stored-objects.ts';
import { transition, writeHistory } from './transition.ts';
import { giveUpUploads } from './uploads.ts';

/** A push may name very many uploads. */
const finishTimeoutMs = 120_000;

/** Who may write for an ingest: the claim with this fencing token, while its lease lasts. */
export interface IngestLease {
  ingestId: string;
  token: number;
}

export interface IngestClaim extends IngestLease {
  projectId: string;
  datasetId: string;
  dataset: string;
  datasetKind: 'table' | 'images' | null;
  options: IngestOptions;
  uploads: {
    id: string;
    filename: string;
    objectKey: string;
    bytes: number;
    sha256: string | null;
  }[];
}

/**
 * Gives the worker the oldest ingest that waits, or one whose worker let its lease run out; null
 * when there is none. However many ask at once, an ingest goes to one of them.
 */
export function claimNextIngest(
  db: Database,
  worker: { id: string; leaseMs: number },
): Promise<IngestClaim | null> {
  return inTransaction(db, async (tx) => {
    const next = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM ingests
      WHERE state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp())
      ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`;
    const id = next[0]?.id;
    if (id === undefined) return null;
    const row = await tx.ingest.findUniqueOrThrow({
      where: { id },
      include: {
        dataset: true,
        uploads: { orderBy: { position: 'asc' }, include: { upload: true } },
      },
    });
    await transition(tx, 'ingest', subjectOf(row), 'start');
    await tx.$executeRaw`
      UPDATE ingests SET lease_token = lease_token + 1, worker_id = ${worker.id},
        lease_until = clock_timestamp() + ${milliseconds(worker.leaseMs)},
        started_at = COALESCE(started_at, now()) WHERE id = ${id}`;
    return {
      ingestId: id,
      token: row.leaseToken + 1,
      projectId: row.projectId,
      datasetId: row.datasetId,
      dataset: row.dataset.name,
      datasetKind: row.dataset.kind as IngestClaim['datasetKind'],
      options: row.options as IngestOptions,
      uploads: row.uploads.map(({ upload }) => ({ ...upload, bytes: Number(upload.bytes) })),
    };
  });
}

/** Extends the lease and says how far the work is; false when the lease has moved on. */
export async function renewIngestLease(
  db: Database,
  lease: IngestLease,
  leaseMs: number,
  progress: { percent: number; note?: string; etaSeconds?: number | null },
): Promise<boolean> {
  const touched = await db.$executeRaw`
    UPDATE ingests SET lease_until = clock_timestamp() + ${milliseconds(leaseMs)},
      progress = ${JSON.stringify(progress)}::jsonb
    WHERE id = ${lease.ingestId} AND lease_token = ${lease.token} AND state = 'running'
      AND lease_until >= clock_timestamp()`;
  return touched === 1;
}

export interface IngestOutcome {
  profile: DatasetProfile;
  receipt: Receipt;
  contentHash: string;
  manifest: StoredFile;
  rejected: StoredFile | undefined;
  bytes: number;
}

/**
 * Writes down what an ingest has made: a new version, or the one that has the same content
 * already. Its uploads are given up with it; the caller deletes their keys from the store after
 * the commit. Null, with nothing changed, when the lease has moved on.
 */
export function finishIngest(
  db: Database,
  claim: IngestClaim,
  outcome: IngestOutcome,
): Promise<{ version: number; reused: boolean; keys: string[] } | null> {
  return inTransaction(
    db,
    async (tx) => {
      // The dataset first, as everybody who changes its versions does.
      const datasets = await tx.$queryRaw<{ kind: string | null; latest_version: number }[]>`
      SELECT kind, latest_version FROM datasets WHERE id = ${claim.datasetId} FOR UPDATE`;
      const dataset = datasets[0];
      if (dataset === undefined || !(await holds(tx, claim))) return null;
      const { kind } = outcome.profile;
      if (dataset.kind !== null && dataset.kind !== kind) {
        const [has, is] = kind === 'table' ? ['pictures', 'a table'] : ['a table', 'pictures'];
        throw new VandaError(
          'bad-data',
          `The dataset holds ${has}, and this push is ${is}: give it another name.`,
        );
      }
      const same = await tx.datasetVersion.findFirst({
        where: { datasetId: claim.datasetId, contentHash: outcome.contentHash, deletedAt: null },
        orderBy: { version: 'desc' },
      });
      const version = same ?? (await addVersion(tx, claim, dataset.latest_version + 1, outcome));
      await tx.dataset.update({
        where: { id: claim.datasetId },
        data: {
          kind,
          latestVersion: Math.max(dataset.latest_version, version.version),
          updatedAt: new Date(),
        },
      });
      await transition(tx, 'ingest', ingestSubject(claim), 'succeed');
      await tx.ingest.update({
        where: { id: claim.ingestId },
        data: {
          receipt: outcome.receipt,
          versionId: version.id,
          reused: same !== null,
          progress: { percent: 100 },
          finishedAt: new Date(),
        },
      });
      const keys = await giveUpUploads(tx, claim, `ingested by ${claim.ingestId}`);
      return { version: version.version, reused: same !== null, keys };
    },
    finishTimeoutMs,
  );
}

async function addVersion(tx: Tx, claim: IngestClaim, number: number, outcome: IngestOutcome) {
  const { profile, manifest, rejected } = outcome;
  const version = await tx.datasetVersion.create({
    data: {
      id: newId('dsv'),
      datasetId: claim.datasetId,
      version: number,
      kind: profile.kind,
      contentHash: outcome.contentHash,
      items: profile.items,
      rejected: outcome.receipt.rejected,
      bytes: BigInt(outcome.bytes),
      profile: profile as unknown as Prisma.InputJsonValue,
    },
  });
  const owner = { kind: 'dataset-version', id: version.id } as const;
  const named: [StoredFile | undefined, string][] = [
    ...profile.files.map((file): [StoredFile, string] => [file, 'shard']),
    [manifest, 'manifest'],
    [profile.preview, 'preview'],
    [rejected, 'rejected'],
  ];
  // In the order of keys, so that two pushes that share objects never wait for each other.
  named.sort(([a], [b]) => ((a?.key ?? '') < (b?.key ?? '') ? -1 : 1));
  for (const [file, role] of named) {
    if (file) await nameObject(tx, claim.projectId, file, owner, role);
  }
  await writeHistory(tx, {
    projectId: claim.projectId,
    noun: 'dataset',
    subjectId: claim.datasetId,
    label: `${claim.dataset}@${number}`,
    from: null,
    to: 'ready',
    event: 'ingest',
  });
  return version;
}

/** The push ends without a version. Its uploads stay for their time, to be pushed otherwise. */
export function failIngest(
  db: Database,
  claim: IngestClaim,
  failure: Failure,
  receipt: Receipt | null = null,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holds(tx, claim))) return false;
    await transition(tx, 'ingest', ingestSubject(claim), 'fail', failure.message.slice(0, 500));
    await tx.ingest.update({
      where: { id: claim.ingestId },
      data: {
        failureKind: failure.kind,
        failureCode: failure.code,
        failureMessage: failure.message,
        receipt: receipt ?? Prisma.DbNull,
        finishedAt: new Date(),
      },
    });
    return true;
  });
}

/** In the history a process that died over its data is told from a machine that failed. */
const crashPrefix = 'crash: ';

export function countIngestCrashes(db: Database, lease: IngestLease): Promise<number> {
  return db.history.count({
    where: { noun: 'ingest', subjectId: lease.ingestId, reason: { startsWith: crashPrefix } },
  });
}

/** Hands an ingest back, for this worker or another to begin anew. */
export function requeueIngest(
  db: Database,
  claim: IngestClaim,
  reason: string,
  { crashed = false } = {},
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holds(tx, claim))) return false;
    await transition(
      tx,
      'ingest',
      ingestSubject(claim),
      'requeue',
      (crashed ? crashPrefix : '') + reason.slice(0, 500),
    );
    await tx.$executeRaw`UPDATE ingests SET lease_until = NULL WHERE id = ${claim.ingestId}`;
    await writeOutbox(tx, { queue: 'ingest', subjectId: claim.ingestId });
    return true;
  });
}

/** Locks the row; true while the claim is the last one and its lease has not run out. */
async function holds(tx: Tx, lease: IngestLease): Promise<boolean> {
  const rows = await tx.$queryRaw<{ held: boolean }[]>`
    SELECT (lease_token = ${lease.token} AND state = 'running'
      AND lease_until >= clock_timestamp()) AS held
    FROM ingests WHERE id = ${lease.ingestId} FOR UPDATE`;
  return rows[0]?.held ?? false;
}

function ingestSubject(claim: IngestClaim) {
  return { id: claim.ingestId, projectId: claim.projectId, label: claim.dataset };
}

function subjectOf(row: { id: string; projectId: string; dataset: { name: string } }) {
  return { id: row.id, projectId: row.projectId, label: row.dataset.name };
}

function milliseconds(count: number): Prisma.Sql {
  return Prisma.sql`make_interval(secs => ${count / 1000}::float8)`;
}
