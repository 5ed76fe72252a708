import { VandaError } from '../errors.ts';
import type { BaseModel } from './base-model.ts';
import type { RetrainModel, RetrainSpec } from './model-spec.ts';
import { nearNames } from './near-names.ts';
import type { CompletedSpec } from './spec.ts';

/**
 * A retraining with everything that its base decides filled in.
 *
 * @throws VandaError invalid-spec with a sentence where the base does not fit, or has no such layer.
 */
export function completeRetrain(model: RetrainSpec, base: BaseModel | undefined): RetrainModel {
  if (base === undefined) throw refused('/model/base', `${model.base} is not known here.`);
  if (base.input === null) {
    throw refused(
      '/model/base',
      `${base.name} is not a model of pictures: only those can be retrained for image-classification.`,
    );
  }
  if (base.layers.length === 0) {
    throw refused(
      '/model/base',
      `${base.name} does not name its layers, since it was made by an earlier version: train it anew, or choose another base.`,
    );
  }
  const layer = model.layer ?? base.features;
  if (layer === null) {
    const last = base.layers.slice(-5).map(quoted).join(', ');
    throw refused(
      '/model/layer',
      `Is missing: ${base.name} does not say where its features are. Its last layers are ${last}.`,
    );
  }
  const cut = layerAt(base, '/model/layer', layer);
  const unfreeze = model.unfreeze ?? 'none';
  if (unfreeze !== 'none' && unfreeze !== 'all') {
    const from = layerAt(base, '/model/unfreeze', unfreeze);
    if (from > cut) {
      throw refused(
        '/model/unfreeze',
        `The layer ${quoted(unfreeze)} of ${base.name} comes after ${quoted(layer)}, where it is cut: nothing of it is left to move.`,
      );
    }
  }
  return {
    kind: 'retrain',
    base: base.name,
    layer,
    unfreeze,
    hidden: model.hidden ?? [],
    activation: model.activation ?? 'relu',
    dropout: model.dropout ?? 0,
    input: { size: model.input?.size ?? base.input.size, channels: base.input.channels },
  };
}

/**
 * Whether what a frozen base says about each picture is found once, and only the head trains: as long as nothing of the
 * base moves and no picture is varied.
 */
export function trainsOnFeatures({
  model,
  training,
}: Pick<CompletedSpec, 'model'> & {
  training: { augment?: object | undefined };
}): boolean {
  const varied = Object.values(training.augment ?? {}).some(Boolean);
  return model.kind === 'retrain' && model.unfreeze === 'none' && !varied;
}

function layerAt({ name, layers }: BaseModel, pointer: string, layer: string): number {
  const at = layers.indexOf(layer);
  if (at >= 0) return at;
  const near = nearNames(layer, layers).map(quoted).join(', ');
  throw refused(pointer, `${name} has no layer ${quoted(layer)}; near are ${near}.`);
}

function quoted(name: string): string {
  return `"${name.length > 80 ? `${name.slice(0, 80)}…` : name}"`;
}

function refused(pointer: string, message: string): VandaError {
  return new VandaError('invalid-spec', `${pointer}: ${message}`, [{ pointer, message }]);
}
