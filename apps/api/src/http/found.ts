import { VandaError } from '@vanda/contracts';

/** What is not there, or belongs to another project: the answer is the same. */
export function found<T>(value: T | null | undefined, what: string): T {
  if (value !== null && value !== undefined) return value;
  throw new VandaError('not-found', `There is no ${what}.`);
}
