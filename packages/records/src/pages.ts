import { VandaError } from '@vanda/contracts';

/** One page of a list: at most `limit` rows behind the row with the id `after`. */
export interface Page {
  limit: number;
  after?: string | undefined;
}

/** The row that a page continues after. Throws where the list has no such row. */
export async function afterRow<R>(
  page: Page,
  find: (id: string) => Promise<R | null>,
): Promise<R | null> {
  if (page.after === undefined) return null;
  const row = await find(page.after);
  if (row !== null) return row;
  throw new VandaError('invalid-request', '/after: Must be the last_id of the page before.', [
    { pointer: '/after', message: 'Must be the last_id of the page before.' },
  ]);
}
