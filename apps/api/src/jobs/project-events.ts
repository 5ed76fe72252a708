import type { ChangeEvent } from '@vanda/contracts';
import { type HistoryRow, lastHistoryId, readHistory } from '@vanda/records';
import type { Deps } from '../deps.ts';
import type { EventStream } from '../http/event-stream.ts';

const batch = 200;
const pollMs = 2000;

/** Every state change of a project, from what the client has seen last, or from now on. Event ids are history's own. */
export async function streamProject(
  deps: Deps,
  projectId: string,
  stream: EventStream,
): Promise<void> {
  stream.start();
  let after = /^\d{1,18}$/.test(stream.lastEventId ?? '')
    ? BigInt(stream.lastEventId ?? 0)
    : await lastHistoryId(deps.db, projectId);
  while (!stream.signal.aborted) {
    const changed = deps.changes.next([projectId], pollMs, stream.signal);
    const rows = await readHistory(deps.db, projectId, after, batch);
    for (const row of rows) {
      await stream.send('change', String(row.id), present(row));
      after = row.id;
    }
    if (rows.length < batch) await changed;
  }
}

function present(row: HistoryRow): ChangeEvent {
  return {
    noun: row.noun as ChangeEvent['noun'],
    id: row.subjectId,
    label: row.label,
    state: row.toState,
    from: row.fromState,
    event: row.event,
    reason: row.reason,
    at: row.at.toISOString(),
  };
}
