import { z } from 'zod';

/**
 * One operation of the management API: path, shapes and documentation in one place. The server's routes,
 * the client's methods and the OpenAPI page are derived from it.
 */
export interface Operation {
  /** `noun.verb`, unique; the client's method and OpenAPI's operationId. */
  id: string;
  method: 'GET' | 'POST' | 'DELETE';
  /** With `:params`, below `/api/v1`. */
  path: string;
  summary: string;
  /** Who may call it: anyone with a key or session of the project, or only a signed-in owner. */
  access: 'project' | 'owner';
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** `events` answers Server-Sent Events; `redirect` answers 302 to a signed URL. */
  answers?: 'json' | 'events' | 'redirect';
  reply: z.ZodType;
  status?: 200 | 201 | 202;
  /** A create: honours Idempotency-Key. */
  idempotent?: boolean;
}

export function operation<const T extends Operation>(definition: T): T {
  return definition;
}

type In<T> = T extends z.ZodType ? z.input<T> : unknown;
type Out<T> = T extends z.ZodType ? z.output<T> : unknown;
/** What a caller passes: params, query and body side by side. */
export type OperationInput<T extends Operation> = (T['params'] extends z.ZodObject
  ? { params: In<T['params']> }
  : { params?: undefined }) &
  (T['query'] extends z.ZodObject ? { query?: In<T['query']> } : { query?: undefined }) &
  (T['body'] extends z.ZodType ? { body: In<T['body']> } : { body?: undefined });
/** What a handler receives, parsed. */
export interface OperationRequest<T extends Operation> {
  params: Out<T['params']>;
  query: Out<T['query']>;
  body: Out<T['body']>;
}
export type OperationReply<T extends Operation> = z.output<T['reply']>;

export const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  after: z.string().max(200).optional().meta({ description: 'The last_id of the page before.' }),
});

/** Every list answers in this shape. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    last_id: z.string().nullable(),
  });
}

export const timestamp = z.string().meta({ format: 'date-time' });
export const bytes = z.number().int().min(0);

/** The answer to a deletion: how many bytes nothing names any more. */
export const deleted = z
  .object({ object: z.literal('deleted'), id: z.string(), freedBytes: bytes })
  .meta({ id: 'Deleted' });
export type Deleted = z.infer<typeof deleted>;
