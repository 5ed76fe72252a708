import { z } from 'zod';
import { timestamp } from '../operation.ts';

export const traffic = z.array(
  z.object({ version: z.number().int(), percent: z.number().min(0).max(100) }),
);

export const ledgerEntry = z
  .object({
    seq: z.number().int(),
    action: z.enum(['create', 'deploy', 'rollback', 'delete']),
    version: z.number().int(),
    traffic,
    actor: z.string(),
    at: timestamp,
  })
  .meta({ id: 'LedgerEntry' });
export type LedgerView = z.infer<typeof ledgerEntry>;

export const endpoint = z
  .object({
    object: z.literal('endpoint'),
    id: z.string(),
    name: z.string(),
    model: z.string(),
    version: z.number().int().meta({ description: 'The version that the ledger says is served.' }),
    traffic,
    url: z.string().meta({ description: 'The full address, which ends in :predict.' }),
    /** ready: an inference server answers with this version. */
    serving: z.object({
      state: z.enum(['ready', 'loading', 'failed', 'no-server']),
      error: z.string().nullable(),
      requests: z.number().int(),
      errors: z.number().int(),
      perSecond: z.number(),
      p50Ms: z.number().nullable(),
      p99Ms: z.number().nullable(),
    }),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Endpoint' });
export type EndpointView = z.infer<typeof endpoint>;
