import { VandaError } from '@vanda/contracts';
import { expect, test } from 'vitest';
import { MicroBatcher } from './micro-batcher.ts';

/** Doubles numbers, when told to; refuses negative ones as a predictor does. */
function gate() {
  const batches: unknown[][] = [];
  const open: (() => void)[] = [];
  const predict = async (instances: unknown[]) => {
    batches.push(instances);
    await new Promise<void>((resolve) => open.push(resolve));
    return instances.map((instance, index) => {
      if ((instance as number) < 0) {
        const pointer = `/instances/${index}`;
        throw new VandaError('invalid-request', `Instance ${index} is negative.`, [
          { pointer, message: 'no' },
        ]);
      }
      return (instance as number) * 2;
    });
  };
  const drain = async () => {
    for (let turn = 0; turn < 50; turn++) {
      for (const resolve of open.splice(0)) resolve();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { batches, predict, drain };
}

test('a lone request goes at once, and what comes meanwhile goes together', async () => {
  const { batches, predict, drain } = gate();
  const batcher = new MicroBatcher(predict, { parallel: 1 });
  const all = [[1], [2, 3], [4]].map((instances) => batcher.run(instances));
  expect(batches).toEqual([[1]]);
  await drain();
  expect(await Promise.all(all)).toEqual([[2], [4, 6], [8]]);
  expect(batches).toEqual([[1], [2, 3, 4]]);
});

test('a bad instance fails its own request and not the others of its batch', async () => {
  const { predict, drain } = gate();
  const batcher = new MicroBatcher(predict, { parallel: 1 });
  const all = [[1], [2], [5, -1], [4]].map((instances) => batcher.run(instances));
  const settled = Promise.allSettled(all);
  await drain();
  expect((await settled).map((outcome) => outcome.status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  await expect(all[2]).rejects.toThrow('Instance 1 is negative.');
});

test('a large request goes in pieces and counts its instances from its own first', async () => {
  const { batches, predict, drain } = gate();
  const batcher = new MicroBatcher(predict, { batchMax: 2 });
  const good = batcher.run([1, 2, 3, 4, 5]);
  const bad = batcher.run([1, 2, 3, -4]).catch((error: unknown) => error);
  await drain();
  expect(await good).toEqual([2, 4, 6, 8, 10]);
  expect(Math.max(...batches.map((batch) => batch.length))).toBe(2);
  expect(await bad).toMatchObject({
    message: 'Instance 3 is negative.',
    errors: [{ pointer: '/instances/3', message: 'no' }],
  });
});

test('a full queue refuses, and a caller that left is dropped', async () => {
  const { batches, predict, drain } = gate();
  const batcher = new MicroBatcher(predict, { parallel: 1, queueMax: 2 });
  const left = new AbortController();
  const first = batcher.run([1]);
  const second = batcher.run([2], left.signal);
  const third = batcher.run([3]);
  await expect(batcher.run([4])).rejects.toThrow('overloaded');
  left.abort(new Error('gone'));
  await Promise.all([drain(), expect(second).rejects.toThrow('gone')]);
  expect(await Promise.all([first, third])).toEqual([[2], [6]]);
  expect(batches).toEqual([[1], [3]]);
});
