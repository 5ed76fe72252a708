import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readStateDict } from './state-dict.ts';

const golden = (name: string) =>
  fileURLToPath(new URL(`../../goldens/pytorch/${name}`, import.meta.url));

/** What tools/corpus/pytorch_goldens.py put in. */
const expected = {
  matrix: ['f32', [2, 3], [0, 0.125, 0.25, 0.375, 0.5, 0.625]],
  turned: ['f32', [3, 2], [0, 0.375, 0.125, 0.5, 0.25, 0.625]],
  second_row: ['f32', [3], [0.375, 0.5, 0.625]],
  column: ['f32', [2], [0.125, 0.5]],
  every_other: ['i32', [2, 2, 3], [1, 2, 3, 9, 10, 11, 13, 14, 15, 21, 22, 23]],
  permuted: [
    'i32',
    [4, 2, 3],
    [0, 1, 2, 3].flatMap((i) => [0, 4, 8, 12, 16, 20].map((j) => i + j)),
  ],
  double: ['f32', [2], [1.5, -2.25]],
  half: ['f32', [5], [1.5, -0, 65504, 2 ** -24, Number.POSITIVE_INFINITY]],
  bfloat: ['f32', [3], [1.5, -3, 2 ** 100]],
  long: ['i64', [2], [2n ** 40n, -1n]],
  short: ['i32', [2], [-300, 300]],
  char: ['i32', [2], [-3, 3]],
  byte: ['u8', [2], [0, 255]],
  flags: ['bool', [2], [1, 0]],
  scalar: ['f32', [], [0.5]],
  empty: ['f32', [0, 3], []],
  parameter: ['f32', [2], [1, 1]],
};

test.each(['tensors.pt', 'tensors_legacy.pth'])(
  '%s: every type, and views of one storage',
  async (name) => {
    const tensors = await readStateDict(golden(name));
    const read = Object.entries(tensors).map(([key, { dtype, shape, data }]) => [
      key,
      [dtype, shape, [...data]],
    ]);
    expect(Object.fromEntries(read)).toEqual(expected);
  },
);

test('a checkpoint gives the tensors of all its parts, by the names of both', async () => {
  const tensors = await readStateDict(golden('checkpoint.pt'));
  expect([...(tensors['state_dict.0.weight']?.data ?? [])]).toEqual([0.25, 0.5]);
  expect(tensors['state_dict.1.num_batches_tracked']).toMatchObject({ dtype: 'i64', shape: [] });
  expect(Object.keys(tensors)).toContain('optimizer.state.0.exp_avg');
  expect(Object.keys(tensors)).not.toContain('epoch');
});
