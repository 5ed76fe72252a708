import { expect, test } from 'vitest';
import { filesToSample } from './files-to-sample.ts';

const file = (bytes: number, items = 10) => ({ key: 'k', sha256: 's', bytes, items });
const firsts = (files: ReturnType<typeof file>[]) => filesToSample(files).map(({ from }) => from);

test('all files of a small data set, spread ones of a large one, at least one of any', () => {
  expect(firsts([file(1), file(1, 5), file(1)])).toEqual([0, 10, 15]);
  expect(firsts(Array.from({ length: 8 }, () => file(2 ** 29)))).toEqual([10, 30, 50, 70]);
  expect(firsts([file(2 ** 40), file(2 ** 40)])).toEqual([10]);
});
