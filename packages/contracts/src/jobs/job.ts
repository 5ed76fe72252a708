import { z } from 'zod';
import { failure } from '../errors.ts';
import { timestamp } from '../operation.ts';
import { jobMetrics, logLine } from './metrics.ts';
import { jobPreview } from './preview.ts';
import { task } from './spec.ts';
import { trainingRate } from './training-rate.ts';

export const jobState = z.enum([
  'queued',
  'running',
  'cancelling',
  'pausing',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
]);
export type JobState = z.infer<typeof jobState>;
export const attemptState = z.enum([
  'running',
  'succeeded',
  'failed',
  'lost',
  'preempted',
  'paused',
  'timed_out',
  'cancelled',
]);
export type AttemptState = z.infer<typeof attemptState>;

export const attempt = z
  .object({
    id: z.string(),
    number: z.number().int(),
    state: attemptState,
    worker: z.string(),
    startStep: z.number().int(),
    produced: z.number().int(),
    received: z.number().int(),
    failure: failure.nullable(),
    startedAt: timestamp,
    finishedAt: timestamp.nullable(),
  })
  .meta({ id: 'Attempt' });
export type AttemptView = z.infer<typeof attempt>;

export const jobProgress = z.object({
  percent: z.number().min(0).max(100),
  /** preparing | features (of a frozen base) | training | evaluating | saving */
  phase: z.string(),
  epoch: z.number().int().optional(),
  epochs: z.number().int().optional(),
  step: z.number().int().optional(),
  steps: z.number().int().optional(),
  etaSeconds: z.number().nullable().optional(),
  bestEpoch: z.number().int().nullable().optional(),
});
export type JobProgress = z.infer<typeof jobProgress>;

export const job = z
  .object({
    object: z.literal('job'),
    id: z.string(),
    name: z.string(),
    kind: z.literal('train'),
    task,
    state: jobState,
    sentence: z.string().meta({
      description: 'The state for a person, like "Training, epoch 3 of 10, about 40 s left".',
    }),
    waiting: z
      .string()
      .nullable()
      .meta({ description: 'Why it waits, like "third in the queue".' }),
    progress: jobProgress.nullable(),
    failure: failure.nullable(),
    warnings: z.array(z.string()),
    spec: z.record(z.string(), z.unknown()).meta({ description: 'The spec as it was completed.' }),
    submittedSpec: z.record(z.string(), z.unknown()),
    dataset: z.object({ name: z.string(), version: z.number().int(), contentHash: z.string() }),
    device: z.string(),
    priority: z.number().int(),
    metrics: jobMetrics.nullable(),
    preview: jobPreview
      .nullable()
      .meta({ description: 'What can be tried before it is over; then its model can be.' }),
    base: z.string().nullable().meta({ description: 'NAME@VERSION that it retrains, if any.' }),
    model: z.string().nullable().meta({ description: 'NAME@VERSION that it made.' }),
    endpoint: z.object({ name: z.string(), url: z.string() }).nullable(),
    deployNote: z.string().nullable(),
    splits: z.string().nullable().meta({ description: 'URL of a Parquet file: row id and split.' }),
    predictions: z.string().nullable().meta({
      description:
        'URL of a Parquet file: row id, label (or value), prediction and score of each item of the test split.',
    }),
    attempts: z.array(attempt),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
  })
  .meta({ id: 'Job' });
export type JobView = z.infer<typeof job>;

/** Curves as columns: for each series its steps, epochs and values, downsampled to at most `points` each. */
export const metricSeries = z
  .object({
    object: z.literal('metrics'),
    jobId: z.string(),
    produced: z.number().int(),
    received: z.number().int(),
    series: z.record(
      z.string(),
      z.object({
        steps: z.array(z.number()),
        epochs: z.array(z.number()),
        values: z.array(z.number().nullable()),
      }),
    ),
  })
  .meta({ id: 'MetricSeries' });
export type MetricSeries = z.infer<typeof metricSeries>;

export const jobLog = z.object({
  attempt: z.number().int(),
  seq: z.number().int(),
  ...logLine.shape,
});
export type JobLog = z.infer<typeof jobLog>;

/** A worker as it announced itself. */
export const worker = z
  .object({
    object: z.literal('worker'),
    id: z.string(),
    hostname: z.string(),
    roles: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    devices: z.array(z.string()),
    slots: z.number().int(),
    busy: z.number().int(),
    rate: trainingRate.nullable().meta({ description: 'null until it has measured it.' }),
    version: z.string(),
    live: z.boolean(),
    startedAt: timestamp,
    heartbeatAt: timestamp,
  })
  .meta({ id: 'Worker' });
export type WorkerView = z.infer<typeof worker>;
