import { expect, test } from 'vitest';
import pinned from './curves.json' with { type: 'json' };
import { prepare } from './network.ts';
import { networks } from './networks.ts';

// PyTorch's losses for the same first weights and batches, made by bench/peers/torch_curves.py.

const curves = pinned.curves as Record<string, { batch: number; losses: number[] }>;

test('every network has a pinned curve', () => {
  expect(networks.map(({ name }) => name).sort()).toEqual(Object.keys(curves).sort());
});

test.for(networks)('$name: the first ten losses are those of PyTorch', async (network) => {
  const { batch, losses } = curves[network.name] ?? { batch: 0, losses: [] };
  const prepared = prepare(network, batch);
  const got: number[] = [];
  await prepared.trainer.train({
    untilStep: losses.length,
    onMetrics: (points) => got.push(...points.map(({ loss }) => loss)),
  });
  prepared.close();
  expect(got).toHaveLength(losses.length);
  const apart = losses.map((loss, step) => Math.abs((got[step] ?? NaN) - loss) / Math.abs(loss));
  expect(Math.max(...apart), `${got} against ${losses}`).toBeLessThan(1e-4);
});
