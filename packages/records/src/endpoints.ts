import { VandaError } from '@vanda/contracts';
import { type Database, notify, type Prisma, type Tx } from './database.ts';
import { newId } from './ids.ts';
import { afterRow, type Page } from './pages.ts';
import { transition, writeHistory } from './transition.ts';
import { liveWorkers } from './workers.ts';

const endpointDetails = {
  model: true,
  serving: { include: { worker: true } },
} satisfies Prisma.EndpointInclude;
type EndpointWithModel = Prisma.EndpointGetPayload<{ include: typeof endpointDetails }>;
const entryDetails = { modelVersion: true } satisfies Prisma.LedgerEntryInclude;
export type LedgerRow = Prisma.LedgerEntryGetPayload<{ include: typeof entryDetails }>;
export type EndpointDetails = EndpointWithModel & {
  entry: LedgerRow;
  /** How many inference servers live, whether or not they have said anything about this endpoint yet. */
  liveServers: number;
};

/** Newest first. */
export async function listEndpoints(
  db: Database,
  projectId: string,
  page: Page,
): Promise<EndpointDetails[]> {
  const rows = await db.endpoint.findMany({
    where: {
      projectId,
      deletedAt: null,
      ...(page.after === undefined ? {} : { id: { lt: page.after } }),
    },
    orderBy: { id: 'desc' },
    take: page.limit,
    include: endpointDetails,
  });
  return withEntries(db, rows);
}

export async function findEndpoint(
  db: Database | Tx,
  projectId: string,
  name: string,
): Promise<EndpointDetails | null> {
  const row = await db.endpoint.findFirst({
    where: { projectId, name, deletedAt: null },
    include: endpointDetails,
  });
  return row && ((await withEntries(db, [row]))[0] ?? null);
}

async function withEntries(
  db: Database | Tx,
  rows: EndpointWithModel[],
): Promise<EndpointDetails[]> {
  const entries = await db.ledgerEntry.findMany({
    where: { OR: rows.map(({ id, seq }) => ({ endpointId: id, seq })) },
    include: entryDetails,
  });
  const servers = (await liveWorkers(db)).filter((worker) => worker.roles.includes('serve'));
  const liveServers = servers.length;
  const byEndpoint = new Map(entries.map((entry) => [entry.endpointId, entry]));
  return rows.flatMap((row) => {
    const entry = byEndpoint.get(row.id);
    return entry ? [{ ...row, entry, liveServers }] : [];
  });
}

/** Newest first; a page continues after a seq. */
export async function listLedger(
  db: Database,
  endpointId: string,
  page: Page,
): Promise<LedgerRow[]> {
  const after = await afterRow(page, (id) =>
    /^\d{1,9}$/.test(id)
      ? db.ledgerEntry.findUnique({ where: { endpointId_seq: { endpointId, seq: Number(id) } } })
      : Promise.resolve(null),
  );
  return db.ledgerEntry.findMany({
    where: { endpointId, ...(after && { seq: { lt: after.seq } }) },
    orderBy: { seq: 'desc' },
    take: page.limit,
    include: entryDetails,
  });
}

/** What an endpoint is to serve: a version that was found in the same transaction. */
export interface Target {
  id: string;
  version: number;
  modelId: string;
}

/** Makes an endpoint that serves a version at once. Its name is unique in the installation. */
export async function createEndpoint(
  tx: Tx,
  endpoint: { projectId: string; name: string; target: Target; actor: string },
): Promise<{ id: string; seq: number }> {
  const { projectId, name, target, actor } = endpoint;
  await holdVersion(tx, target);
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 2))`;
  const taken = await tx.endpoint.findFirst({ where: { name, deletedAt: null } });
  if (taken) {
    const whose = taken.projectId === projectId ? '' : ' in another project';
    const message = `There is an endpoint "${name}" already${whose}: endpoint names are unique in the installation.`;
    throw new VandaError('name-taken', message, [{ pointer: '/name', message }]);
  }
  const id = newId('ep');
  await tx.endpoint.create({
    data: { id, projectId, name, modelId: target.modelId, state: 'active', seq: 1 },
  });
  await writeEntry(tx, { id, seq: 1 }, 'create', target, actor);
  await writeHistory(tx, {
    projectId,
    noun: 'endpoint',
    subjectId: id,
    label: name,
    from: null,
    to: 'active',
    event: 'create',
  });
  return { id, seq: 1 };
}

/** Serves another version from now on: one row in the ledger, in force with the commit. */
export async function deployVersion(
  tx: Tx,
  endpoint: { id: string; projectId: string; name: string; modelId: string },
  action: 'deploy' | 'rollback',
  target: Target,
  actor: string,
): Promise<{ id: string; seq: number }> {
  if (target.modelId !== endpoint.modelId) {
    throw new VandaError(
      'conflict',
      `The endpoint ${endpoint.name} is bound to another model: an endpoint serves versions of one model.`,
    );
  }
  await holdVersion(tx, target);
  const seq = await nextSeq(tx, endpoint, action);
  await writeEntry(tx, { id: endpoint.id, seq }, action, target, actor);
  await writeHistory(tx, {
    projectId: endpoint.projectId,
    noun: 'endpoint',
    subjectId: endpoint.id,
    label: endpoint.name,
    from: 'active',
    to: 'active',
    event: action,
    reason: `version ${target.version}`,
  });
  return { id: endpoint.id, seq };
}

export async function deleteEndpoint(
  tx: Tx,
  endpoint: EndpointDetails,
  actor: string,
): Promise<void> {
  const seq = await nextSeq(tx, endpoint, 'delete');
  const { modelVersionId } = endpoint.entry;
  await tx.ledgerEntry.create({
    data: { endpointId: endpoint.id, seq, action: 'delete', modelVersionId, traffic: [], actor },
  });
  await tx.endpoint.update({ where: { id: endpoint.id }, data: { deletedAt: new Date() } });
  await notify(tx, 'vanda_endpoints', endpoint.id);
}

/**
 * The version that a rollback goes to: what was served before the last deployment that was not rolled back, or what
 * ledger entry `to` served. Ledgers are read whole; they have a row for each deployment a person made.
 */
export async function rollbackTarget(
  tx: Tx,
  endpoint: { id: string; name: string },
  to: number | undefined,
): Promise<Target> {
  const ledger = await tx.ledgerEntry.findMany({
    where: { endpointId: endpoint.id },
    orderBy: { seq: 'asc' },
    include: entryDetails,
  });
  const entry = to === undefined ? before(ledger) : ledger.find((row) => row.seq === to);
  if (entry === undefined) {
    throw new VandaError(
      to === undefined ? 'illegal-state' : 'not-found',
      to === undefined
        ? `The endpoint ${endpoint.name} has served one version only: there is nothing to roll back to.`
        : `The ledger of ${endpoint.name} has no entry ${to}.`,
    );
  }
  const { id, version, modelId, deletedAt } = entry.modelVersion;
  if (deletedAt !== null) {
    throw new VandaError(
      'conflict',
      `Version ${version} was deleted: deploy one that is still there, or name another ledger entry.`,
    );
  }
  return { id, version, modelId };
}

/** A rollback takes deployments away again, so that two in a row go back two versions and not to and fro. */
function before(ledger: LedgerRow[]): LedgerRow | undefined {
  const stack: LedgerRow[] = [];
  for (const entry of ledger) {
    if (entry.action === 'rollback') {
      const back = stack.findLastIndex((row) => row.modelVersionId === entry.modelVersionId);
      if (back >= 0) stack.length = back;
    }
    if (stack.at(-1)?.modelVersionId !== entry.modelVersionId) stack.push(entry);
  }
  return stack.at(-2);
}

/** Takes the next number of the ledger, under the endpoint's row lock. */
async function nextSeq(
  tx: Tx,
  endpoint: { id: string; projectId: string; name: string },
  event: 'deploy' | 'rollback' | 'delete',
): Promise<number> {
  const subject = { id: endpoint.id, projectId: endpoint.projectId, label: endpoint.name };
  await transition(tx, 'endpoint', subject, event);
  const rows = await tx.$queryRaw<{ seq: number }[]>`
    UPDATE endpoints SET seq = seq + 1, updated_at = now() WHERE id = ${endpoint.id} RETURNING seq`;
  return rows[0]?.seq ?? 0;
}

async function writeEntry(
  tx: Tx,
  endpoint: { id: string; seq: number },
  action: 'create' | 'deploy' | 'rollback',
  target: Target,
  actor: string,
): Promise<void> {
  await tx.ledgerEntry.create({
    data: {
      endpointId: endpoint.id,
      seq: endpoint.seq,
      action,
      modelVersionId: target.id,
      traffic: [{ version: target.version, percent: 100 }],
      actor,
    },
  });
  await notify(tx, 'vanda_endpoints', endpoint.id);
}

/** Keeps a version from being deleted until the transaction ends. */
async function holdVersion(tx: Tx, target: Target): Promise<void> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM model_versions WHERE id = ${target.id} AND deleted_at IS NULL FOR SHARE`;
  if (rows.length > 0) return;
  throw new VandaError('not-found', `Version ${target.version} was deleted meanwhile.`);
}
