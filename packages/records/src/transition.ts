import { VandaError } from '@vanda/contracts';
import {
  attemptTable,
  endpointTable,
  exportTable,
  importTable,
  ingestTable,
  jobTable,
  type StateTable,
  step,
  uploadTable,
} from '@vanda/lifecycle';
import { notify, type Tx } from './database.ts';

/** Nouns whose states move along a table of packages/lifecycle, and the table each lives in. */
const nouns = {
  upload: { table: uploadTable, rows: 'uploads' },
  ingest: { table: ingestTable, rows: 'ingests' },
  job: { table: jobTable, rows: 'jobs' },
  attempt: { table: attemptTable, rows: 'attempts' },
  export: { table: exportTable, rows: 'exports' },
  import: { table: importTable, rows: 'imports' },
  endpoint: { table: endpointTable, rows: 'endpoints' },
} as const;
export type Noun = keyof typeof nouns;
export type EventOf<N extends Noun> =
  (typeof nouns)[N]['table'] extends StateTable<string, infer E> ? E : never;

export interface HistoryEntry {
  projectId: string;
  noun: Noun | 'dataset' | 'model';
  subjectId: string;
  label: string;
  from: string | null;
  to: string;
  event: string;
  reason?: string | null;
}

/** Writes one history row and rings for those who watch. Part of every transaction that makes or changes something. */
export async function writeHistory(tx: Tx, entry: HistoryEntry): Promise<void> {
  await tx.history.create({
    data: {
      projectId: entry.projectId,
      noun: entry.noun,
      subjectId: entry.subjectId,
      label: entry.label,
      fromState: entry.from,
      toState: entry.to,
      event: entry.event,
      reason: entry.reason ?? null,
    },
  });
  await notify(tx, 'vanda_history', entry.projectId);
}

/**
 * Moves a row's state along its table and writes the history row, in the caller's transaction. The row is locked
 * first, so that two events at once go one after the other. Returns the states before and after.
 *
 * @throws VandaError illegal-state where the table refuses, not-found where there is no such row.
 */
export async function transition<N extends Noun>(
  tx: Tx,
  noun: N,
  subject: { id: string; projectId: string; label: string },
  event: EventOf<N>,
  reason?: string,
): Promise<{ from: string; to: string }> {
  const { table, rows } = nouns[noun];
  const found = await tx.$queryRawUnsafe<{ state: string }[]>(
    `SELECT state FROM "${rows}" WHERE id = $1 FOR UPDATE`,
    subject.id,
  );
  const state = found[0]?.state;
  if (state === undefined) throw new VandaError('not-found', `There is no ${noun} ${subject.id}.`);
  const outcome = step(noun, table as StateTable<string, string>, state, event);
  if (!outcome.ok) throw new VandaError('illegal-state', outcome.refusal);
  if (outcome.to !== outcome.from) {
    await tx.$executeRawUnsafe(
      `UPDATE "${rows}" SET state = $2 WHERE id = $1`,
      subject.id,
      outcome.to,
    );
    await writeHistory(tx, {
      projectId: subject.projectId,
      noun,
      subjectId: subject.id,
      label: subject.label,
      from: outcome.from,
      to: outcome.to,
      event,
      reason: reason ?? null,
    });
  }
  return { from: outcome.from, to: outcome.to };
}
