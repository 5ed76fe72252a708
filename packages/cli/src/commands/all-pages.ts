interface Page<T> {
  data: T[];
  has_more: boolean;
  last_id: string | null;
}
const pageSize = 200;

/** A whole list, page by page; at most `limit` entries where that is given. */
export async function allPages<T>(
  fetchPage: (query: { limit: number; after?: string }) => Promise<Page<T>>,
  limit = Number.POSITIVE_INFINITY,
): Promise<{ object: 'list'; data: T[] }> {
  const data: T[] = [];
  let after: string | undefined;
  while (data.length < limit) {
    const page = await fetchPage({
      limit: Math.min(pageSize, limit - data.length),
      ...(after === undefined ? {} : { after }),
    });
    data.push(...page.data);
    if (!page.has_more || page.last_id === null) break;
    after = page.last_id;
  }
  return { object: 'list', data };
}
