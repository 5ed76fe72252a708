import { readFileSync } from 'node:fs';
import {
  decodeTestItemsHead,
  type TestItemsHead,
  testItemsStart,
  testItemWidth,
} from '@vanda/contracts';

export interface TestItems {
  head: TestItemsHead;
  /** [identity, row, truth, predicted, score] of each item, in the file's order. */
  records: number[][];
}

export function readTestItems(path: string): TestItems {
  const bytes = readFileSync(path);
  const start = testItemsStart(bytes.subarray(0, 8));
  const values = new Float64Array(Uint8Array.from(bytes.subarray(start)).buffer);
  return {
    head: decodeTestItemsHead(bytes.subarray(0, start)),
    records: Array.from({ length: values.length / testItemWidth }, (_, item) =>
      Array.from(values.subarray(item * testItemWidth, (item + 1) * testItemWidth)),
    ),
  };
}
