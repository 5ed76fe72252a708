import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readInstances } from './read-instances.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-cli-'));
  await writeFile(join(folder, 'rows.json'), '[{"a":1},{"a":2}]');
  await writeFile(join(folder, 'body.json'), '{"instances":[{"a":1}]}');
  await writeFile(join(folder, 'dot.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47]));
  await writeFile(join(folder, 'empty.json'), '');
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ['{"a":1}', [{ a: 1 }]],
  ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
  [
    '[[0,1],[2,3]]',
    [
      [
        [0, 1],
        [2, 3],
      ],
    ],
  ],
  [
    '[[[1,2,3],[4,5,6]],[[7,8,9],[1,2,3]]]',
    [
      [
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        [
          [7, 8, 9],
          [1, 2, 3],
        ],
      ],
    ],
  ],
  [
    '[[[0,1],[2,3]],[[0,1],[2,3]]]',
    [
      [
        [0, 1],
        [2, 3],
      ],
      [
        [0, 1],
        [2, 3],
      ],
    ],
  ],
])('%s', async (input, instances) => {
  expect(await readInstances(input)).toEqual(instances);
});

test('reads files: rows, a whole body, a picture', async () => {
  expect(await readInstances(`@${join(folder, 'rows.json')}`)).toEqual([{ a: 1 }, { a: 2 }]);
  expect(await readInstances(`@${join(folder, 'body.json')}`)).toEqual([{ a: 1 }]);
  expect(await readInstances(`@${join(folder, 'dot.png')}`)).toEqual([{ b64: 'iVBORw==' }]);
});

test.each([
  ['picture.png', 'is not JSON'],
  ['[]', 'holds no instance'],
])('refuses %s', async (input, sentence) => {
  await expect(readInstances(input)).rejects.toThrow(sentence);
});

test('refuses an empty file', async () => {
  await expect(readInstances(`@${join(folder, 'empty.json')}`)).rejects.toThrow('is empty');
});
