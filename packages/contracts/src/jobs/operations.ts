import { z } from 'zod';
import { predictBody, predictReply } from '../endpoints/predict.ts';
import { modelSignature } from '../models/model.ts';
import { deleted, listOf, listQuery, operation } from '../operation.ts';
import { job, jobLog, jobState, metricSeries, worker } from './job.ts';
import { timeEstimate } from './training-rate.ts';

const byId = z.object({ id: z.string().max(64) });
/** A spec is checked by hand (parseOrThrow with the pointer's prefix), so that its errors point into the spec. */
const spec = z.record(z.string(), z.unknown());

export const createJob = operation({
  id: 'jobs.create',
  method: 'POST',
  path: '/jobs',
  access: 'project',
  status: 201,
  idempotent: true,
  summary: 'Submit a job',
  body: z.strictObject({ spec }),
  reply: job,
});
export const planJob = operation({
  id: 'jobs.plan',
  method: 'POST',
  path: '/jobs/plan',
  access: 'project',
  status: 200,
  summary: 'Check and complete a spec without submitting it',
  body: z.strictObject({ spec }),
  reply: z.object({
    object: z.literal('plan'),
    spec: z.record(z.string(), z.unknown()),
    warnings: z.array(z.string()),
    estimate: timeEstimate.nullable().meta({
      description: 'How long the training will take; null where that cannot be told.',
    }),
  }),
});
export const listJobs = operation({
  id: 'jobs.list',
  method: 'GET',
  path: '/jobs',
  access: 'project',
  summary: 'Jobs, newest first',
  query: listQuery.extend({ state: jobState.optional(), name: z.string().max(63).optional() }),
  reply: listOf(job),
});
export const getJob = operation({
  id: 'jobs.get',
  method: 'GET',
  path: '/jobs/:id',
  access: 'project',
  summary: 'One job',
  params: byId,
  reply: job,
});
export const cancelJob = operation({
  id: 'jobs.cancel',
  method: 'POST',
  path: '/jobs/:id/cancel',
  access: 'project',
  status: 202,
  summary: 'Cancel a job (idempotent)',
  params: byId,
  reply: job,
});
export const deleteJob = operation({
  id: 'jobs.delete',
  method: 'DELETE',
  path: '/jobs/:id',
  access: 'project',
  summary: 'Delete a finished job',
  params: byId,
  reply: deleted,
});
export const getJobMetrics = operation({
  id: 'jobs.metrics',
  method: 'GET',
  path: '/jobs/:id/metrics',
  access: 'project',
  summary: 'Curves of a job',
  params: byId,
  query: z.object({ points: z.coerce.number().int().min(2).max(100_000).default(2000) }),
  reply: metricSeries,
});
export const getJobLogs = operation({
  id: 'jobs.logs',
  method: 'GET',
  path: '/jobs/:id/logs',
  access: 'project',
  summary: 'Log lines of a job, oldest first',
  params: byId,
  query: z.object({
    limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    after: z.string().max(64).optional(),
  }),
  reply: listOf(jobLog),
});
export const getJobSignature = operation({
  id: 'jobs.signature',
  method: 'GET',
  path: '/jobs/:id/signature',
  access: 'project',
  summary: 'What the model of a job takes and answers, as soon as there is something to try',
  params: byId,
  reply: modelSignature,
});
export const predictJob = operation({
  id: 'jobs.predict',
  method: 'POST',
  path: '/jobs/:id/predict',
  access: 'project',
  status: 200,
  summary: 'Try a job: its best epoch so far while it trains, then the model that it made',
  params: byId,
  body: predictBody,
  reply: predictReply,
});
export const jobEvents = operation({
  id: 'jobs.events',
  method: 'GET',
  path: '/jobs/:id/events',
  access: 'project',
  answers: 'events',
  summary:
    'Live: events `job` (the job, its preview too), `metrics` (new points), `logs` (new lines)',
  params: byId,
  reply: z.unknown(),
});
export const listWorkers = operation({
  id: 'workers.list',
  method: 'GET',
  path: '/workers',
  access: 'project',
  summary: 'Workers that announced themselves',
  query: listQuery,
  reply: listOf(worker),
});
export const projectEvents = operation({
  id: 'events.stream',
  method: 'GET',
  path: '/events',
  access: 'project',
  answers: 'events',
  summary:
    'Live: one `change` event {noun, id, label, state} for every state change in the project',
  reply: z.unknown(),
});
