import type { Tensor } from '@vanda/engine';
import { Session, tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { OnnxRuntime } from '../export/onnx-runtime.ts';
import { laidLike, laidOut, largestDifference } from '../golden.fixture.ts';
import { importOnnx } from '../import-onnx.ts';
import { attributeTypes } from '../proto.ts';
import { floats, int64s, ints, node, tinyModel } from '../tiny-model.fixture.ts';

const int = (name: string, i: number) => ({ name, type: attributeTypes.i, i });
const float = (name: string, f: number) => ({ name, type: attributeTypes.f, f });
const text = (name: string, value: string) => {
  return { name, type: attributeTypes.s, s: new TextEncoder().encode(value) };
};
const waves = (name: string, ...dims: number[]) => {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    name,
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + 0.3) * 0.8),
  );
};

type Parts = Parameters<typeof tinyModel>[0] & { x: number[] };

const volume = { x: [2, 4, 5, 6, 3], shape: ['batch', 4, 5, 6, 3] };
const pixels = { x: [2, 6, 4, 3], shape: ['batch', 6, 4, 3] };
/** Sequences lie [T, N, I]. */
const steps = { x: [5, 2, 3], shape: [5, 2, 3] };
const cell = (op: string, gates: number, directions: number, attributes: object[] = []): Parts => ({
  ...steps,
  nodes: [node(op, ['x', 'w', 'r', 'b'], ['y'], [int('hidden_size', 4), ...(attributes as [])])],
  initializers: [
    waves('w', directions, gates * 4, 3),
    waves('r', directions, gates * 4, 4),
    waves('b', directions, 2 * gates * 4),
  ],
});
const cases: Record<string, Parts> = {
  'a convolution of volumes': {
    ...volume,
    nodes: [
      node(
        'Conv',
        ['x', 'w', 'b'],
        ['y'],
        [
          ints('kernel_shape', 3, 2, 2),
          ints('strides', 2, 1, 1),
          ints('pads', 1, 0, 1, 0, 1, 0),
          int('group', 2),
        ],
      ),
    ],
    initializers: [waves('w', 6, 2, 3, 2, 2), waves('b', 6)],
  },
  'the greatest of volumes': {
    ...volume,
    nodes: [
      node(
        'MaxPool',
        ['x'],
        ['y'],
        [ints('kernel_shape', 2, 3, 2), ints('strides', 1, 2, 2), ints('pads', 1, 1, 0, 0, 1, 1)],
      ),
    ],
  },
  'means of volumes': {
    ...volume,
    nodes: [
      node(
        'AveragePool',
        ['x'],
        ['y'],
        [ints('kernel_shape', 2, 3, 2), ints('pads', 1, 1, 0, 0, 1, 1)],
      ),
    ],
  },
  'means of volumes whose border counts': {
    ...volume,
    nodes: [
      node(
        'AveragePool',
        ['x'],
        ['y'],
        [
          ints('kernel_shape', 2, 3, 2),
          ints('pads', 1, 1, 0, 0, 1, 1),
          int('count_include_pad', 1),
        ],
      ),
    ],
  },
  'local response normalisation': {
    ...pixels,
    nodes: [
      node(
        'LRN',
        ['x'],
        ['y'],
        [int('size', 3), float('alpha', 0.7), float('beta', 0.6), float('bias', 1.5)],
      ),
    ],
  },
  'elements by their places': {
    x: [3, 4, 2],
    shape: [3, 4, 2],
    nodes: [node('GatherND', ['x', 'places'], ['y'])],
    initializers: [int64s('places', [2, 2, 2], [0, 1, 2, -1, 1, 0, -3, 2])],
  },
  'values in place of others': {
    x: [3, 4, 2],
    shape: [3, 4, 2],
    nodes: [node('ScatterND', ['x', 'places', 'values'], ['y'])],
    initializers: [int64s('places', [3, 2], [0, 1, 2, -1, 1, 0]), waves('values', 3, 2)],
  },
  'a plain recurrent network in both directions': cell('RNN', 1, 2, [
    text('direction', 'bidirectional'),
  ]),
  'a GRU that resets before the product': cell('GRU', 3, 1),
  'the same, backwards': cell('GRU', 3, 1, [text('direction', 'reverse')]),
};

test.for(Object.keys(cases))('%s: as ONNX Runtime computes it', async (name) => {
  const { x: dims, ...parts } = cases[name] as Parts;
  const bytes = tinyModel(parts);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const x = tensor(
    Float32Array.from({ length: count }, (_, i) => Math.cos(i * 2.3)),
    dims,
  );
  const runtime = await OnnxRuntime.open(bytes);
  const theirs = (await runtime.run({ x })).y as Tensor;
  await runtime.close();
  const network = await importOnnx(bytes);
  const session = new Session(network.graph, { threads: 1 });
  const feeds = { x: laidLike(x, network.inputs.x as never) };
  const ours = (await session.run(feeds, network.outputs)).y as Tensor;
  session.close();
  expect(largestDifference(ours, laidOut(theirs, ours))).toBeLessThan(1e-5);
});
