import { createClient } from '@vanda/client';
import type { Operation, OperationInput, OperationReply } from '@vanda/contracts';

/** The API of the origin that served this page; the session's cookie says who asks. */
export const client = createClient();

type Methods = Record<
  string,
  Record<string, (input: unknown, options: { signal?: AbortSignal }) => Promise<unknown>>
>;

/** Calls an operation that is itself a value, for queries that are made from operations. */
export async function call<T extends Operation>(
  operation: T,
  input: OperationInput<T>,
  options: { signal?: AbortSignal } = {},
): Promise<OperationReply<T>> {
  const [noun = '', verb = ''] = operation.id.split('.');
  const method = (client as unknown as Methods)[noun]?.[verb];
  if (method === undefined) throw new Error(`The client has no method ${operation.id}.`);
  return (await method(input, options)) as OperationReply<T>;
}

export function addressOf(operation: Operation, params: Record<string, unknown> = {}): string {
  return client.url(operation, { params });
}
