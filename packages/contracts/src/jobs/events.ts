import { z } from 'zod';
import { timestamp } from '../operation.ts';
import { job, jobLog } from './job.ts';
import { metricPoint } from './metrics.ts';

/**
 * What `jobs.events` sends. The id of each event is a cursor: sent back as Last-Event-ID, the stream goes on behind it.
 * Points and lines come before the `job` event that they were seen with, so whoever has read a final state has them all;
 * the stream itself stays open, since points of a lost attempt may come late.
 */
export const jobEventData = {
  job,
  /** New points of one attempt. Where two attempts have a step, the one with the higher number counts. */
  metrics: z.object({
    attempt: z.number().int(),
    points: z.array(metricPoint),
    produced: z.number().int(),
    received: z.number().int(),
  }),
  logs: z.object({ lines: z.array(jobLog) }),
};
export type JobMetricsEvent = z.infer<typeof jobEventData.metrics>;
export type JobLogsEvent = z.infer<typeof jobEventData.logs>;

/** What `events.stream` sends as `change`: one for every state change in the project. */
export const changeEvent = z
  .object({
    noun: z.enum([
      'dataset',
      'ingest',
      'upload',
      'job',
      'attempt',
      'model',
      'export',
      'import',
      'endpoint',
    ]),
    id: z.string(),
    label: z.string(),
    state: z.string(),
    from: z.string().nullable(),
    event: z.string(),
    reason: z.string().nullable(),
    at: timestamp,
  })
  .meta({ id: 'ChangeEvent' });
export type ChangeEvent = z.infer<typeof changeEvent>;
