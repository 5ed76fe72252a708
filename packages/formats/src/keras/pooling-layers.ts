import type { Node } from '@vanda/engine';
import type { JsonField } from '../json-field.ts';
import { pairOf } from './convolution-layers.ts';
import type { LayerRule } from './layer-rule.ts';
import { channelsLast, sizeOf, unary } from './layer-rule.ts';

type Pair = [number, number];

function window2d(config: JsonField) {
  channelsLast(config);
  const size = pairOf(config.get('pool_size'), 2);
  return {
    size,
    stride: config.get('strides').wholes(1, { length: 2, fallback: size }) as Pair,
    padding: config.get('padding').choice(['valid', 'same'], 'valid'),
  };
}

function window1d(config: JsonField) {
  channelsLast(config);
  const [size] = config.get('pool_size').wholes(1, { length: 1, fallback: [2] }) as [number];
  const [stride] = config.get('strides').wholes(1, { length: 1, fallback: [size] }) as [number];
  return { size, stride, padding: config.get('padding').choice(['valid', 'same'], 'valid') };
}

/** Over all places of [N, ..., C]; with keepdims the axes stay, of size 1. */
function global(reduce: 'mean' | 'max', places: number): LayerRule {
  return unary('refused', (x, { config }) => {
    channelsLast(config);
    if (x.shape.length !== places + 2)
      config.fail(`takes ${places + 2} axes, the input has ${x.shape.length}`);
    const axes = Array.from({ length: places }, (_, i) => i + 1);
    return x.graph[reduce](x, axes, config.get('keepdims').flag(false));
  });
}

const upSampling2d = unary('refused', (x, call) => {
  const { config } = call;
  channelsLast(config);
  const [down, across] = pairOf(config.get('size'), 2);
  const method = config.get('interpolation').choice(['nearest', 'bilinear'], 'nearest');
  const size = [sizeOf(x, 1, call) * down, sizeOf(x, 2, call) * across] as const;
  return x.graph.resize2d(x, size, { method });
});

/** [[top, bottom], [left, right]], [vertical, horizontal], or one number for all of them. */
function border(field: JsonField, fallback: number): [Pair, Pair] {
  if (field.absent || typeof field.value === 'number') {
    const each = field.whole(0, fallback);
    return [
      [each, each],
      [each, each],
    ];
  }
  const sides = field.list();
  if (sides.length !== 2) field.fail('must be a number, two numbers or two pairs of numbers');
  return sides.map((side) => side.wholes(0, { length: 2 })) as [Pair, Pair];
}

const zeroPadding2d = unary('refused', (x, { config }) => {
  channelsLast(config);
  return x.graph.pad(x, [[0, 0], ...border(config.get('padding'), 1), [0, 0]]);
});

const zeroPadding1d = unary('refused', (x, { config }) => {
  const field = config.get('padding');
  return x.graph.pad(x, [[0, 0], field.wholes(0, { length: 2, fallback: [1, 1] }) as Pair, [0, 0]]);
});

const cropping2d = unary('refused', (x, call) => {
  const { config } = call;
  channelsLast(config);
  const cuts = border(config.get('cropping'), 0).map(([before, after], i): Pair => {
    const size = sizeOf(x, i + 1, call);
    if (before + after >= size) config.get('cropping').fail(`leaves nothing of ${size}`);
    return [before, size - after];
  });
  return x.graph.stridedSlice(x, [null, ...cuts, null]) as Node;
});

export const poolingLayers: Record<string, LayerRule> = {
  MaxPooling1D: unary('refused', (x, { config }) => x.graph.maxPool1d(x, window1d(config))),
  MaxPooling2D: unary('refused', (x, { config }) => x.graph.maxPool2d(x, window2d(config))),
  AveragePooling1D: unary('refused', (x, { config }) => x.graph.avgPool1d(x, window1d(config))),
  AveragePooling2D: unary('refused', (x, { config }) => x.graph.avgPool2d(x, window2d(config))),
  GlobalAveragePooling1D: global('mean', 1),
  GlobalAveragePooling2D: global('mean', 2),
  GlobalMaxPooling1D: global('max', 1),
  GlobalMaxPooling2D: global('max', 2),
  UpSampling2D: upSampling2d,
  ZeroPadding1D: zeroPadding1d,
  ZeroPadding2D: zeroPadding2d,
  Cropping2D: cropping2d,
};
