/**
 * Items, each after those that it needs (Kahn, 1962), otherwise in the order given; needs that no item makes count
 * nothing. `stuck` is an item that needs itself in a circle, if there is one.
 */
export function topologicalOrder<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  needsOf: (item: T) => Iterable<string>,
): { order: T[]; stuck: T | undefined } {
  const readers = new Map<string, T[]>(items.map((item) => [keyOf(item), []]));
  const open = new Map<T, number>();
  for (const item of items) {
    const needs = [...new Set(needsOf(item))].filter((need) => readers.has(need));
    for (const need of needs) readers.get(need)?.push(item);
    open.set(item, needs.length);
  }
  const order = items.filter((item) => open.get(item) === 0);
  for (const item of order) {
    for (const reader of readers.get(keyOf(item)) ?? []) {
      const left = (open.get(reader) ?? 0) - 1;
      open.set(reader, left);
      if (left === 0) order.push(reader);
    }
  }
  return { order, stuck: items.find((item) => (open.get(item) ?? 0) > 0) };
}
