import { nn } from '@vanda/engine';

/** ResNet-20 for pictures of 32 x 32 (He et al., 2015, section 4.2), with projections where the size changes. */
export function resnet20(): nn.Layer[] {
  const stages = [
    [16, 1],
    [32, 2],
    [64, 2],
  ] as const;
  return [
    convolution(16, 3, 1),
    nn.batchNorm(),
    nn.activation('relu'),
    ...stages.flatMap(([filters, stride], stage) => [
      block(filters, stride, stage > 0),
      block(filters, 1, false),
      block(filters, 1, false),
    ]),
    nn.globalAvgPool(),
    nn.dense(10),
  ];
}

function convolution(filters: number, size: number, stride: number): nn.Layer {
  const before = (size - 1) / 2;
  const padding = [before, before, before, before] as const;
  return nn.conv2d(filters, size, { stride, padding, useBias: false });
}

function block(filters: number, stride: number, projected: boolean): nn.Layer {
  const main = nn.sequential([
    convolution(filters, 3, stride),
    nn.batchNorm(),
    nn.activation('relu'),
    convolution(filters, 3, 1),
    nn.batchNorm(),
  ]);
  const side = nn.sequential(projected ? [convolution(filters, 1, stride), nn.batchNorm()] : []);
  return {
    apply: (x, mode) => x.graph.relu(x.graph.add(main.apply(x, mode), side.apply(x, mode))),
  };
}
