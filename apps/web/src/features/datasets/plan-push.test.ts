import { expect, test } from 'vitest';
import { nameFor, planPush } from './plan-push.ts';

const dropped = (...paths: string[]) =>
  paths.map((path) => ({ path, file: new File(['x'], path.split('/').at(-1) ?? path) }));

test('a folder of pictures travels as one tar, files by themselves', () => {
  const plan = (...paths: string[]) => planPush(dropped(...paths)).map((one) => one.filename);
  expect(plan('flags/red/1.png', 'flags/blue/2.png')).toEqual(['folder-00000.tar']);
  expect(plan('birds.csv')).toEqual(['birds.csv']);
  expect(plan('mnist/train-images-idx3-ubyte.gz', 'mnist/.DS_Store')).toEqual([
    'train-images-idx3-ubyte.gz',
  ]);
});

test('the folder around the labels is taken away, a label alone is not', async () => {
  const inside = async (...paths: string[]) => {
    const [shard] = planPush(dropped(...paths));
    return (await shard?.blob.slice(0, 100).text())?.replaceAll('\0', '');
  };
  expect(await inside('my/flags/red/1.png', 'my/flags/blue/1.png')).toBe('red/1.png');
  expect(await inside('red/1.png', 'red/2.png')).toBe('red/1.png');
});

test('names follow the rule, whatever was dropped', () => {
  expect(nameFor(dropped('My Birds (2).CSV'))).toBe('my-birds-2');
  expect(nameFor(dropped('Müller/rot/1.png'))).toBe('mu-ller');
  expect(nameFor(dropped('train-images-idx3-ubyte.gz'))).toBe('digits');
  expect(nameFor(dropped('日本.csv'))).toBe('');
});
