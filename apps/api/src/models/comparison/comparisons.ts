import {
  type Cell,
  type ComparedItem,
  type ComparedShow,
  type ComparisonCounts,
  type TestItemsHead,
  VandaError,
} from '@vanda/contracts';
import type { ObjectStore } from '@vanda/objects';
import { type ComparedItems, compareItems, type Difference } from './compare-items.ts';
import { ItemCursor } from './item-cursor.ts';

/** A comparison holds some megabytes of thumbnails, so few of them are kept. */
const keptMax = 4;

/** A version with the file of its test items. */
export interface ComparedVersion {
  id: string;
  datasetVersionId: string;
  testItemsKey: string;
}

export interface Comparison {
  matchedBy: 'row' | 'content';
  shared: number;
  counts: ComparisonCounts;
  columns: string[] | null;
  sampled: boolean;
  page(query: { show: ComparedShow; limit: number; after?: string | undefined }): {
    items: ComparedItem[];
    hasMore: boolean;
  };
}

/**
 * Comparisons of two versions. Versions never change, so what was compared once is answered from memory while it is
 * among the last few; who asks for one that is being made waits for the same one.
 */
export class Comparisons {
  readonly #objects: ObjectStore;
  readonly #kept = new Map<string, Promise<Comparison>>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  of(first: ComparedVersion, second: ComparedVersion): Promise<Comparison> {
    const key = `${first.id} ${second.id}`;
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    const comparison = known ?? this.#compare(first, second);
    this.#kept.set(key, comparison);
    comparison.catch(() => this.#kept.delete(key));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest);
    return comparison;
  }

  async #compare(first: ComparedVersion, second: ComparedVersion): Promise<Comparison> {
    const matchedBy = first.datasetVersionId === second.datasetVersionId ? 'row' : 'content';
    const one = await ItemCursor.open(this.#objects, first.testItemsKey);
    try {
      const other = await ItemCursor.open(this.#objects, second.testItemsKey);
      try {
        const compared = await compareItems(one, other, matchedBy);
        return comparisonOf(matchedBy, compared, one.head, other.head);
      } finally {
        other.close();
      }
    } finally {
      one.close();
    }
  }
}

function comparisonOf(
  matchedBy: 'row' | 'content',
  { shared, counts, differences, sampled }: ComparedItems,
  first: TestItemsHead,
  second: TestItemsHead,
): Comparison {
  const examples = [new Examples(first), new Examples(second)] as const;
  const shown = (difference: Difference): ComparedItem => {
    const { row, otherRow, truth } = difference;
    // What the second version was trained on, else how it was called when the first was.
    const example = examples[1].of(row) ?? examples[0].of(otherRow);
    return {
      id: String(row),
      row,
      truth,
      first: difference.first,
      second: difference.second,
      picture: example?.picture ?? null,
      cells: example?.cells ?? null,
    };
  };
  return {
    matchedBy,
    shared,
    counts,
    sampled,
    columns: examples[1].columns ?? examples[0].columns,
    page({ show, limit, after }) {
      const wanted = differences.filter((one) => show === 'all' || one.show === show);
      const last = after === undefined ? -1 : wanted.findIndex(({ row }) => String(row) === after);
      if (after !== undefined && last < 0) {
        const message = 'Must be the last_id of the page before.';
        throw new VandaError('invalid-request', `/after: ${message}`, [
          { pointer: '/after', message },
        ]);
      }
      const items = wanted.slice(last + 1, last + 1 + limit).map(shown);
      return { items, hasMore: wanted.length > last + 1 + limit };
    },
  };
}

/** What a version's file shows of its worst answers, by row. */
class Examples {
  readonly columns: string[] | null;
  readonly #preview: TestItemsHead['examples']['preview'];
  readonly #places: Map<number, number>;

  constructor({ examples: { rows, preview } }: TestItemsHead) {
    this.#preview = preview;
    this.#places = new Map(rows.map((row, place) => [row, place]));
    this.columns = preview.kind === 'table' && rows.length > 0 ? preview.columns : null;
  }

  of(row: number): { picture: ComparedItem['picture']; cells: Cell[] | null } | null {
    const place = this.#places.get(row);
    if (place === undefined) return null;
    if (this.#preview.kind === 'table') {
      return { picture: null, cells: this.#preview.rows[place] ?? null };
    }
    const { label: _, ...picture } = this.#preview.pictures[place] ?? { label: '' };
    return { picture: 'thumbnail' in picture ? picture : null, cells: null };
  }
}
