import type { Feeds } from '@vanda/engine';

/** Some rows of each input, and which of all they are. */
export interface SamplePart {
  feeds: Feeds;
  items: readonly number[];
}

/** All items, a few at a time; each part is spread over all of them, so that the first ones are like the rest. */
export function* sampleParts(samples: Feeds, itemsAtOnce: number): Generator<SamplePart> {
  const all = Object.values(samples)[0]?.shape[0] ?? 0;
  const parts = Math.ceil(all / itemsAtOnce);
  for (let part = 0; part < parts; part++) {
    const count = Math.ceil((all - part) / parts);
    const items = Array.from({ length: count }, (_, i) => part + i * parts);
    yield { feeds: rowsOf(samples, items), items };
  }
}

export function rowsOf(samples: Feeds, items: readonly number[]): Feeds {
  return Object.fromEntries(
    Object.entries(samples).map(([name, { dtype, shape, data }]) => {
      const width = data.length / (shape[0] ?? 1);
      const rows = new (data.constructor as Uint8ArrayConstructor)(items.length * width);
      for (const [place, item] of items.entries()) {
        const row = (data as Uint8Array).subarray(item * width, (item + 1) * width);
        rows.set(row, place * width);
      }
      return [name, { dtype, shape: [items.length, ...shape.slice(1)], data: rows }];
    }),
  );
}
