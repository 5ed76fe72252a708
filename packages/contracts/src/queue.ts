import { z } from 'zod';

/** The queue catalogue: what travels through BullMQ. Messages are doorbells: ids only, the facts are in Postgres. */
export const queues = {
  training: { payload: z.strictObject({ jobId: z.string() }), subject: 'jobId' },
  ingest: { payload: z.strictObject({ ingestId: z.string() }), subject: 'ingestId' },
  export: { payload: z.strictObject({ exportId: z.string() }), subject: 'exportId' },
  import: { payload: z.strictObject({ importId: z.string() }), subject: 'importId' },
} as const;
export type QueueName = keyof typeof queues;
export type QueuePayload<Q extends QueueName> = z.infer<(typeof queues)[Q]['payload']>;
