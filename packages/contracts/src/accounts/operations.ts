import { z } from 'zod';
import { listOf, listQuery, operation, timestamp } from '../operation.ts';

export const apiKey = z
  .object({
    object: z.literal('api-key'),
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    createdAt: timestamp,
    lastUsedAt: timestamp.nullable(),
    revokedAt: timestamp.nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyView = z.infer<typeof apiKey>;

export const createKey = operation({
  id: 'keys.create',
  method: 'POST',
  path: '/keys',
  access: 'project',
  status: 201,
  idempotent: true,
  summary: 'Make an API key; the key itself is in this answer only',
  body: z.strictObject({ name: z.string().trim().min(1).max(100) }),
  reply: apiKey.extend({ key: z.string() }),
});
export const listKeys = operation({
  id: 'keys.list',
  method: 'GET',
  path: '/keys',
  access: 'project',
  summary: 'API keys, newest first',
  query: listQuery,
  reply: listOf(apiKey),
});
export const revokeKey = operation({
  id: 'keys.revoke',
  method: 'DELETE',
  path: '/keys/:id',
  access: 'project',
  summary: 'Revoke a key (idempotent)',
  params: z.object({ id: z.string().max(64) }),
  reply: apiKey,
});
export const getMe = operation({
  id: 'me.get',
  method: 'GET',
  path: '/me',
  access: 'project',
  summary: 'Who is asking, and where things are',
  reply: z.object({
    object: z.literal('me'),
    project: z.object({ id: z.string(), name: z.string() }),
    user: z.object({ id: z.string(), name: z.string(), email: z.string() }).nullable(),
    key: z.object({ id: z.string(), name: z.string() }).nullable(),
    version: z.string(),
    inferenceUrl: z.string(),
  }),
});
