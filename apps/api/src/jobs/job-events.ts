import type { JobLogsEvent, JobMetricsEvent, JobView } from '@vanda/contracts';
import { findJob, type LiveCursor, linesBehind, pointsBehind } from '@vanda/records';
import type { Deps } from '../deps.ts';
import type { EventStream } from '../http/event-stream.ts';
import { found } from '../http/found.ts';
import { presentJob } from './present.ts';

const pollMs = 2000;

/**
 * A job live: `metrics` and `logs` as they arrive, then `job` where it changed. The state is read before the telemetry
 * and sent after it, so whoever sees a final state has every point that was there when the job ended.
 */
export async function streamJob(
  deps: Deps,
  projectId: string,
  id: string,
  stream: EventStream,
): Promise<void> {
  found(await findJob(deps.db, projectId, id), `job ${id}`);
  stream.start();
  const place = readPlace(stream.lastEventId);
  const { cursor } = place;
  let shown = '';
  const nextId = () => {
    place.count += 1;
    return writePlace(place);
  };
  while (!stream.signal.aborted) {
    const changed = deps.changes.next([projectId, id], pollMs, stream.signal);
    const row = await findJob(deps.db, projectId, id);
    if (row === null) return;
    const view = await presentJob(deps, row);
    const points = await pointsBehind(deps.db, id, cursor);
    for (const part of points.news) {
      await stream.send('metrics', nextId(), part satisfies JobMetricsEvent);
    }
    const lines = await linesBehind(deps.db, id, cursor);
    if (lines.news.length > 0) {
      await stream.send('logs', nextId(), { lines: lines.news } satisfies JobLogsEvent);
    }
    // Behind a long history the state waits until all of it has been sent.
    if (points.more || lines.more) continue;
    const text = comparable(view);
    if (text !== shown) await stream.send('job', nextId(), view);
    shown = text;
    await changed;
  }
}

/** Signed addresses differ each time and are no news. */
function comparable(view: JobView): string {
  return JSON.stringify({ ...view, splits: view.splits !== null });
}

interface Place {
  count: number;
  cursor: LiveCursor;
}

/** An event id: how many came before, then `attempt.metrics.logs` for each attempt, as in `17-1.40.3-2.5.0`. */
function writePlace({ count, cursor }: Place): string {
  const parts = [...cursor].map(([attempt, seen]) => `${attempt}.${seen.metrics}.${seen.logs}`);
  return [String(count), ...parts].join('-').replaceAll('.-1', '.n');
}

function readPlace(id: string | null): Place {
  const [count, ...parts] = (id ?? '').split('-');
  const cursor: LiveCursor = new Map();
  for (const part of parts) {
    const match = /^(\d{1,6})\.(\d{1,9}|n)\.(\d{1,9}|n)$/.exec(part);
    if (!match) return { count: 0, cursor: new Map() };
    const seq = (text: string | undefined) => (text === 'n' ? -1 : Number(text));
    cursor.set(Number(match[1]), { metrics: seq(match[2]), logs: seq(match[3]) });
  }
  return { count: /^\d{1,15}$/.test(count ?? '') ? Number(count) : 0, cursor };
}
