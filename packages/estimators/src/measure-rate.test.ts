import { trainingRate } from '@vanda/contracts';
import { expect, it } from 'vitest';
import { measureRate } from './measure-rate.ts';

it('measures every rate of a machine', async () => {
  const rate = await measureRate({ threads: 1 });
  expect(trainingRate.parse({ ...rate, startSeconds: 1 })).toMatchObject({ threads: 1 });
  // Whatever the machine: a step is neither free nor a second, and arithmetic is somewhere between.
  expect(rate.stepSeconds).toBeLessThan(1);
  expect(rate.operationsPerSecond).toBeGreaterThan(1e6);
});
