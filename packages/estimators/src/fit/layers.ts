import type { CompletedModel } from '@vanda/contracts';
import { nn } from '@vanda/engine';

export type HiddenModel = Pick<
  Extract<CompletedModel, { kind: 'mlp' }>,
  'hidden' | 'activation' | 'dropout'
>;
export type ConvolutionModel = Extract<CompletedModel, { kind: 'cnn' }>;

/** A spec's activation by the engine's name. */
export function activationOf({ activation }: HiddenModel): nn.Activation {
  return activation === 'leaky-relu' ? 'leakyRelu' : activation;
}

/** Hidden layers, each with its dropout, from the one at `from` on. */
export function hiddenLayers(model: HiddenModel, from: number): nn.Layer[] {
  return model.hidden
    .slice(from)
    .flatMap((units) => [
      nn.dense(units, { activation: activationOf(model) }),
      ...(model.dropout > 0 ? [nn.dropout(model.dropout)] : []),
    ]);
}

/** The layers of a picture model of its own, from bytes to logits. */
export function pictureLayers(
  model: Exclude<CompletedModel, { kind: 'retrain' }>,
  size: number,
  classes: number,
): nn.Layer[] {
  const start = nn.rescale(1 / 255);
  switch (model.kind) {
    case 'linear':
      return [start, nn.flatten(), nn.dense(classes)];
    case 'mlp':
      return [start, nn.flatten(), ...hiddenLayers(model, 0), nn.dense(classes)];
    case 'cnn':
      return [start, ...convolutions(model, size), nn.dense(classes)];
  }
}

function convolutions(model: ConvolutionModel, size: number): nn.Layer[] {
  const layers: nn.Layer[] = [];
  let side = size;
  for (const filters of model.filters) {
    if (model.batchNorm) {
      layers.push(nn.conv2d(filters, 3, { padding: 'same', useBias: false }));
      layers.push(nn.batchNorm({ momentum: 0.9 }), nn.activation('relu'));
    } else {
      layers.push(nn.conv2d(filters, 3, { padding: 'same', activation: 'relu' }));
    }
    if (side >= 4) {
      layers.push(nn.maxPool(2));
      side = Math.floor(side / 2);
    }
  }
  layers.push(nn.flatten(), nn.dense(model.dense, { activation: 'relu' }));
  if (model.dropout > 0) layers.push(nn.dropout(model.dropout));
  return layers;
}
