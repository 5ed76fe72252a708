/** The list manners: one row more was read than asked for, to know whether there is another page. */
export function listPage<Row, Item>(
  rows: Row[],
  limit: number,
  present: (row: Row) => Item,
  idOf: (row: Row) => string,
): { object: 'list'; data: Item[]; has_more: boolean; last_id: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    object: 'list',
    data: page.map(present),
    has_more: rows.length > limit,
    last_id: last === undefined ? null : idOf(last),
  };
}
