import type { Operation } from '@vanda/contracts';

export const apiPrefix = '/api/v1';

const compiled = new Map<string, RegExp>();

/** Matches the addresses of an operation. */
export function operationPath(operation: Pick<Operation, 'path'>): RegExp {
  let pattern = compiled.get(operation.path);
  if (pattern === undefined) {
    pattern = new RegExp(`^${apiPrefix}${operation.path.replaceAll(/:[a-zA-Z]+/g, '[^/]+')}$`);
    compiled.set(operation.path, pattern);
  }
  return pattern;
}
