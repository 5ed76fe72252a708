import { useQuery, useQueryClient } from '@tanstack/react-query';
import {
  getJob,
  getJobLogs,
  getJobMetrics,
  type JobLog,
  type JobView,
  jobEvents,
} from '@vanda/contracts';
import { useEffect, useMemo, useRef, useState } from 'react';
import { addressOf, call } from '../../lib/call.ts';
import { type LiveState, useLive } from '../../lib/live.ts';
import { read } from '../../lib/queries.ts';
import { isActive } from './job-state.ts';

const curveRefreshMs = 700;

/** A job with its curves, kept fresh by its event stream while it can still change. */
export function useLiveJob(id: string) {
  const client = useQueryClient();
  const jobQuery = useMemo(() => read(getJob, { params: { id } }), [id]);
  const curvesQuery = useMemo(
    () => read(getJobMetrics, { params: { id }, query: { points: 1000 } }),
    [id],
  );
  const job = useQuery(jobQuery);
  const curves = useQuery(curvesQuery);
  const active = job.data !== undefined && isActive(job.data.state);

  // A fast job makes hundreds of points a second; the server thins them, so the curve is asked for
  // again at most every so often instead of growing here without a bound.
  const due = useRef<ReturnType<typeof setTimeout> | null>(null);
  const refreshCurves = () => {
    due.current ??= setTimeout(() => {
      due.current = null;
      void client.invalidateQueries({ queryKey: curvesQuery.queryKey });
    }, curveRefreshMs);
  };
  useEffect(() => () => clearTimeout(due.current ?? undefined), []);

  const [newLines, announceLines] = useState(0);
  const live = useLive(
    active ? addressOf(jobEvents, { id }) : null,
    {
      job: (data) => {
        if ((data as JobView | null)?.id === id)
          client.setQueryData(jobQuery.queryKey, data as JobView);
        else void client.invalidateQueries({ queryKey: jobQuery.queryKey });
        if (!isActive((data as JobView | null)?.state ?? 'running')) refreshCurves();
      },
      metrics: refreshCurves,
      logs: () => announceLines((times) => times + 1),
    },
    () => {
      void client.invalidateQueries({ queryKey: jobQuery.queryKey });
      refreshCurves();
      announceLines((times) => times + 1);
    },
  );
  return { job, curves, active, live: active ? live : ('live' as LiveState), newLines };
}

/** The log from its beginning; asks only for the lines after the last one whenever there may be more. */
export function useJobLog(id: string, trigger: unknown): { lines: JobLog[]; error: unknown } {
  const [lines, setLines] = useState<JobLog[]>([]);
  const [error, setError] = useState<unknown>(null);
  const after = useRef<string | undefined>(undefined);
  const busy = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another job begins with an empty log.
  useEffect(() => {
    after.current = undefined;
    setLines([]);
  }, [id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the trigger says that there may be new lines.
  useEffect(() => {
    const stop = new AbortController();
    const readOn = async () => {
      if (busy.current) return;
      busy.current = true;
      try {
        for (let more = true; more && !stop.signal.aborted; ) {
          const query = { limit: 1000, after: after.current };
          const page = await call(getJobLogs, { params: { id }, query }, { signal: stop.signal });
          after.current = page.last_id ?? after.current;
          if (page.data.length > 0) setLines((known) => [...known, ...page.data].slice(-5000));
          more = page.has_more;
        }
        setError(null);
      } catch (failure) {
        if (!stop.signal.aborted) setError(failure);
      } finally {
        busy.current = false;
      }
    };
    const timer = setTimeout(() => void readOn(), 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [id, trigger]);
  return { lines, error };
}
