import { expect, test } from 'vitest';
import type { Node, Tensor } from '../index.ts';
import { Graph, losses, nn, Session, tensor } from '../index.ts';
import { drawn, gradientError } from './finite-differences.fixture.ts';
import { compute, numbers } from './operations.fixture.ts';

// Numbers to compare with were computed by PyTorch 2 in double precision from the same inputs.
function wave(shape: readonly number[], scale = 1): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return tensor(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * scale),
    shape,
  );
}

function close(got: readonly number[], wanted: readonly number[], digits = 4) {
  wanted.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, digits);
  });
}

const squares = (values: readonly number[]) => values.reduce((sum, v) => sum + v * v, 0);

test('convolutions of volumes, in groups, strided and dilated', () => {
  const build = (g: Graph, x: Node, k: Node) =>
    g.conv3d(x, k, undefined, {
      stride: [2, 1, 1],
      dilation: [1, 2, 1],
      padding: [1, 1, 0, 0, 1, 1],
      groups: 2,
    });
  const [x, k] = [wave([1, 4, 4, 3, 2]), wave([2, 2, 3, 1, 4], 0.5)];
  const y = compute(build, x, k);
  expect(y.shape).toEqual([1, 3, 2, 3, 4]);
  close(
    numbers(y),
    [
      0.788967, 0.799045, 0.816875, 0.719519, 0.07246, 0.5857, 0.606568, 0.975926, -0.875804,
      -0.726416, -0.778927, -0.467742,
    ],
  );
  expect(squares(numbers(y))).toBeCloseTo(71.23378, 3);
  const same = (g: Graph, n: Node, w: Node, b: Node) =>
    g.conv3d(n, w, b, { padding: 'same', stride: 2 });
  const small = [drawn([2, 3, 4, 3, 2]), drawn([2, 2, 2, 2, 3], 2), tensor([1, 2, 3])];
  expect(compute(same, ...small).shape).toEqual([2, 2, 2, 2, 3]);
  expect(gradientError(same, ...small)).toBeLessThan(0.02);
  expect(() => compute((g, n, w) => g.conv3d(n, w), x, wave([5, 1, 1, 2, 1]))).toThrow(
    /depth 5 .* does not fit a padded depth of 4/,
  );
});

test('pooling of volumes', () => {
  const x = wave([1, 4, 4, 3, 2]);
  const greatest = compute((g, n) => g.maxPool3d(n, { size: 2, stride: 1 }), x);
  expect(greatest.shape).toEqual([1, 3, 3, 2, 2]);
  close(numbers(greatest), [0.83237, 0.986583, 0.992455, 0.986583, 0.83237, 0.986583]);
  expect(squares(numbers(greatest))).toBeCloseTo(32.74967, 3);
  const mean = (g: Graph, n: Node) =>
    g.avgPool3d(n, { size: 2, stride: [2, 2, 1], padding: [1, 1, 1, 1, 0, 0] });
  const y = compute(mean, x);
  expect(y.shape).toEqual([1, 3, 3, 2, 2]);
  close(numbers(y), [0.374602, 0.683038, 0.870829, 0.904806, -0.239605, -0.269461]);
  expect(squares(numbers(y))).toBeCloseTo(7.987863, 3);
  expect(gradientError(mean, drawn([1, 3, 3, 2, 2]))).toBeLessThan(0.02);
});

test('pictures are read between their pixels', () => {
  const [x, grid] = [wave([1, 3, 4, 2]), wave([1, 2, 3, 2], 1.3)];
  const of = (padding: 'zeros' | 'border', alignCorners: boolean) =>
    numbers(compute((g, n, m) => g.gridSample(n, m, { padding, alignCorners }), x, grid));
  close(
    of('zeros', false),
    [
      0.536224, 0.427768, 0.008276, -0.023434, 0, 0, -0.194527, -0.068375, 0.513411, 0.697675, 0,
      0.004164,
    ],
  );
  close(
    of('zeros', true),
    [
      0.054042, 0.001713, 0.103699, -0.210081, 0.054794, -0.155149, -0.3573, -0.179701, 0.437261,
      0.576615, 0, 0.221694,
    ],
  );
  close(
    of('border', false),
    [
      0.536224, 0.427768, 0.109114, -0.308959, 0.109114, -0.308959, -0.194527, -0.068375, 0.649731,
      0.882919, 0, 0.410889,
    ],
  );
  close(
    of('border', true),
    [
      0.054042, 0.001713, 0.136759, -0.277057, 0.109114, -0.308959, -0.3573, -0.179701, 0.437261,
      0.576615, 0, 0.410889,
    ],
  );
});

test('places of several axes, and order', () => {
  const x = tensor(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 4],
  );
  const places = tensor(Int32Array.of(1, 2, 0, -1), [2, 2]);
  const rows = compute((g, n, i) => g.gatherNd(n, i), x, places);
  expect(rows.shape).toEqual([2, 4]);
  expect(numbers(rows)).toEqual([20, 21, 22, 23, 8, 9, 10, 11]);
  const wrong = tensor(Int32Array.of(0, 3), [1, 2]);
  expect(() => compute((g, n, i) => g.gatherNd(n, i), x, wrong)).toThrow(
    /an index is outside 0..5/,
  );
  const twice = tensor(Int32Array.of(1, 1, 0), [3, 1]);
  const values = tensor([1, 2, 3, 4, 5, 6], [3, 2]);
  const added = compute((g, v, i) => g.scatterNd(i, v, [3, 2]), values, twice);
  expect(numbers(added)).toEqual([5, 6, 4, 6, 0, 0]);
  const base = tensor([9, 9, 9, 9], [2, 2]);
  const one = tensor(Int32Array.of(1), [1, 1]);
  const put = compute(
    (g, b, i, v) => g.scatterNdUpdate(b, i, v),
    base,
    one,
    tensor([1, 0], [1, 2]),
  );
  expect(numbers(put)).toEqual([9, 9, 1, 0]);
  const build = (g: Graph, n: Node) =>
    g.gatherNd(n, g.constant(tensor(Int32Array.of(0, 1, 1, 0), [2, 2])));
  expect(gradientError(build, drawn([2, 2, 3]))).toBeLessThan(0.01);
  const sorted = compute((g, n) => g.sort(n, 0, { descending: true }).values, tensor([2, 7, 5]));
  expect(numbers(sorted)).toEqual([7, 5, 2]);
  const order = compute((g, n) => g.sort(n).indices, tensor([2, Number.NaN, 1, 2]));
  expect(numbers(order)).toEqual([2, 0, 3, 1]);
  expect(gradientError((g, n) => g.sort(n, 0).values, drawn([4, 3]))).toBeLessThan(0.01);
});

test('linear algebra of batches', () => {
  const unit = tensor([3, 0, 0, 0, 3, 0, 0, 0, 3], [3, 3]);
  const a = compute((g, n, u) => g.add(n, u), wave([2, 3, 3]), unit);
  close(numbers(compute((g, n) => g.determinant(n), a)), [30.115894, 18.603546], 3);
  close(
    numbers(compute((g, n) => g.inverse(n), a)),
    [
      0.360433, -0.033216, -0.087664, -0.071389, 0.260534, -0.061351, -0.069363, -0.009882,
      0.384677,
    ],
  );
  close(numbers(compute((g, n) => g.svd(n).s, wave([4, 3]))), [2.302162, 0.79877, 0]);
  close(
    numbers(compute((g, n) => g.qr(n).r, wave([4, 3]))).map(Math.abs),
    [1.271638, 1.257216, 1.020732, 0, 0.626682, 1.142674, 0, 0, 0],
  );
  const wide = compute(
    (g, n) => {
      const { u, s, v } = g.svd(n);
      return g.matmul(g.mul(u, s), v, { transposeB: true });
    },
    drawn([2, 5]),
  );
  close(numbers(wide), numbers(drawn([2, 5])));
  expect(gradientError((g, n) => g.determinant(n), drawn([2, 2, 2]))).toBeLessThan(0.02);
  expect(gradientError((g, n) => g.inverse(n), a)).toBeLessThan(0.02);
  const known = compute((g, n) => g.symmetricEigen(n).values, tensor([2, 1, 1, 2], [2, 2]));
  close(numbers(known), [1, 3]);
  expect(() => compute((g, n) => g.cholesky(n), tensor([1, 0, 3, 1], [1, 2, 2]))).toThrow(
    /matrix 0 of the batch is not positive definite/,
  );
});

test('spectra, spectrograms and mel bands', () => {
  close(
    numbers(compute((g, n) => g.rfft(n), wave([10]))),
    [
      3.840508, 0, -2.477781, -2.541578, -0.053796, -0.700566, 0.198203, -0.345874, 0.269608,
      -0.151647, 0.287024, 0,
    ],
  );
  for (const length of [9, 16, 30]) {
    const there = compute((g, n) => g.irfft(g.rfft(n), length), wave([2, length]));
    close(numbers(there), numbers(wave([2, length])));
  }
  const power = compute((g, n) => g.spectrogram(n, { size: 16, hop: 8 }), wave([1, 40]));
  expect(power.shape).toEqual([1, 4, 9]);
  close(numbers(power), [0.739781, 16.191179, 4.951214, 0.004096, 0.000255, 4e-5, 8e-6], 3);
  const build = (g: Graph, n: Node) =>
    g.mel(g.spectrogram(n, { size: 6, hop: 3, length: 8 }), { bands: 3, rate: 8000 });
  expect(compute(build, wave([2, 15])).shape).toEqual([2, 4, 3]);
  expect(gradientError(build, drawn([1, 12]))).toBeLessThan(0.03);
  const magnitude = (g: Graph, n: Node) => g.spectrogram(n, { size: 6, hop: 3, power: 1 });
  expect(numbers(compute(magnitude, wave([1, 9])))[1]).toBeGreaterThan(0);
  expect(() => compute((g, n) => g.frames(n, { size: 10, hop: 1 }), wave([1, 9]))).toThrow(
    /at least 10 samples, not \[1, 9\]/,
  );
});

test('boxes overlap, are decoded, and the best of them are kept', () => {
  const boxes = tensor([0, 0, 2, 2, 0, 1, 2, 3, 5, 5, 6, 6, 0, 0, 2, 2], [1, 4, 4]);
  const overlap = numbers(compute((g, b) => g.boxOverlap(b, b), boxes));
  close(overlap.slice(0, 4), [1, 1 / 3, 0, 1]);
  const keep = (limit: number) => {
    const graph = new Graph();
    const b = graph.placeholder('b', [null, 4, 4]);
    const s = graph.placeholder('s', [null, 4]);
    const { indices, count } = graph.nonMaxSuppression(b, s, {
      size: 4,
      overlap: limit,
      scoreThreshold: 0.05,
    });
    const feeds = { b: boxes, s: tensor([0.5, 0.9, 0.1, 0.5], [1, 4]) };
    const got = new Session(graph).runSync(feeds, { indices, count });
    return [numbers(got.indices), numbers(got.count)];
  };
  expect(keep(0.5)).toEqual([[1, 0, 2, 0], [3]]);
  expect(keep(0.2)).toEqual([[1, 2, 0, 0], [2]]);
  expect(keep(1)).toEqual([[1, 0, 3, 2], [4]]);
  const decoded = compute(
    (g, c, a) => g.decodeBoxes(c, a, { scales: [10, 10, 5, 5] }),
    tensor([1, -2, 5 * Math.LN2, 0], [1, 4]),
    tensor([0, 0, 2, 4], [1, 4]),
  );
  close(numbers(decoded), [-0.8, -0.8, 3.2, 3.2]);
  expect(
    gradientError(
      (g, a, b) => g.boxOverlap(a, b),
      tensor([0, 0, 2, 2], [1, 4]),
      tensor([1, 0.5, 3, 1.7], [1, 4]),
    ),
  ).toBeLessThan(0.02);
});

test('connectionist temporal classification', () => {
  const counts = (g: Graph, values: number[]) => g.constant(tensor(Int32Array.from(values)));
  const labels = tensor(Int32Array.of(1, 2, 2, 3, 1, 0), [2, 3]);
  const of = (g: Graph, x: Node, y: Node, zeroInfinity = false) =>
    losses.ctc(x, y, {
      stepCounts: counts(g, [6, 5]),
      labelCounts: counts(g, [3, 2]),
      zeroInfinity,
    });
  const logits = wave([2, 6, 4], 2);
  close(numbers(compute((g, x, y) => of(g, x as Node, y as Node), logits, labels)), [
    (6.188742 + 2.912561) / 2,
  ]);
  const slope = compute(
    (g, x, y) => g.gradients(of(g, x as Node, y as Node), [x as Node])[0] as Node,
    logits,
    labels,
  );
  const wanted = [
    -0.005222, -0.769021, 0.30849, 0.465753, 0.251733, 0.117258, -0.451178, 0.082188, -0.208917,
    0.195216, -0.098586, 0.112287,
  ];
  close(
    numbers(slope),
    wanted.map((value) => value / 2),
  );
  // Three equal labels do not fit three steps; no labels at all are the blanks alone.
  const equal = tensor(Int32Array.of(1, 1, 1), [1, 3]);
  const short = wave([1, 3, 4]);
  const tight = (zeroInfinity: boolean) =>
    numbers(compute((_, x, y) => losses.ctc(x as Node, y as Node, { zeroInfinity }), short, equal));
  expect(tight(false)).toEqual([Number.POSITIVE_INFINITY]);
  expect(tight(true)).toEqual([0]);
  const none = compute(
    (g, x, y) => losses.ctc(x as Node, y as Node, { labelCounts: counts(g, [0]) }),
    short,
    equal,
  );
  const blanks = compute(
    (g, x) => g.neg(g.sum(g.slice(g.logSoftmax(x), [0, 0, 0], [1, -1, 1]))),
    short,
  );
  close(numbers(none), numbers(blanks));
  const wrong = tensor(Int32Array.of(1, 4, 1), [1, 3]);
  expect(() => compute((_, x, y) => losses.ctc(x as Node, y as Node), short, wrong)).toThrow(
    /out of range/,
  );
});

test('a simple recurrent network is its steps, in both directions and under a mask', () => {
  const y = (g: Graph, x: Node) =>
    g.simpleRnn(
      x,
      g.constant(wave([3, 2])),
      g.constant(wave([2, 2], 0.7)),
      g.constant(wave([2], 0.3)),
    ).y;
  close(
    numbers(compute(y, wave([1, 4, 3]))),
    [0.782346, 0.819693, 0.96551, 0.994717, 0.390581, 0.850846, -0.836664, -0.818299],
  );
  const backward = (g: Graph, x: Node) => {
    const parts = [wave([3, 2]), wave([2, 2], 0.7), wave([2], 0.3)].map((part) => g.constant(part));
    const [w, u, b] = parts as [Node, Node, Node];
    const lengths = g.constant(tensor(Int32Array.of(2)));
    const there = g.simpleRnn(x, w, u, b, { lengths }).h;
    const back = g.simpleRnn(x, w, u, b, { reverse: true }).y;
    return g.concat([there, g.squeeze(g.slice(back, [0, 3, 0], [-1, 1, -1]), 1)], 0);
  };
  const got = compute(backward, wave([1, 4, 3]));
  close(numbers(got).slice(0, 2), [0.96551, 0.994717]);
  expect(gradientError(y, drawn([2, 3, 3]))).toBeLessThan(0.02);
  const graph = new Graph();
  const layer = nn.bidirectional(nn.simpleRnn(5, { returnSequences: true }));
  expect(layer.apply(graph.placeholder('x', [null, 4, 3]), { training: true }).shape).toEqual([
    null,
    4,
    10,
  ]);
});

test('triplets and sampled classes', () => {
  const rows = [
    tensor([0, 0, 1, 1], [2, 2]),
    tensor([3, 4, 1, 1], [2, 2]),
    tensor([0, 1, 9, 1], [2, 2]),
  ];
  const triplet = compute(
    (_, a, p, n) => losses.tripletMargin(a as Node, p as Node, n as Node),
    ...rows,
  );
  close(numbers(triplet), [(5 - 1 + 1 + 0) / 2]);
  // Over every class but the label, drawn evenly and very often, the sampled loss nears the full one.
  const graph = new Graph({ seed: 5 });
  const x = graph.placeholder('x', [null, 3]);
  const labels = graph.placeholder('labels', [null], 'i32');
  const weight = graph.constant(wave([6, 3]));
  const bias = graph.constant(wave([6], 0.5));
  const weights = [1, 2, 3, 1, 2, 3];
  const sampled = losses.sampledSoftmax(x, { weight, bias }, labels, { weights, samples: 4000 });
  const logits = graph.add(graph.matmul(x, weight, { transposeB: true }), bias);
  const full = losses.softmaxCrossEntropy(logits, labels);
  const feeds = { x: wave([4, 3]), labels: tensor(Int32Array.of(0, 5, 2, 1)) };
  const got = new Session(graph).runSync(feeds, { sampled, full });
  expect(got.sampled.data[0]).toBeCloseTo(Number(got.full.data[0]), 1);
});
