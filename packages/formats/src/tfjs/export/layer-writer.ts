import type { Dim, DType, Tensor } from '@vanda/engine';
import type { Affine, KerasLayerOut, LayerValue } from './keras-layer.ts';

export interface NewLayer {
  readonly className: string;
  readonly inputs: readonly LayerValue[];
  readonly config?: Record<string, unknown>;
  readonly weights?: Record<string, Tensor>;
  readonly affine?: Affine;
  /** What its name is made of; the class where it is left out. */
  readonly name?: string;
}

/** Collects layers; no two get one name. */
export class LayerWriter {
  readonly layers: KerasLayerOut[] = [];
  readonly #names = new Set<string>();

  /** The name itself where it is free, or with a number behind it; a slash would be part of the names of weights. */
  fresh(wanted: string): string {
    const plain = isPlainName(wanted) ? wanted : `x${wanted.replaceAll(/[^\w.-]/g, '_')}`;
    let name = plain;
    for (let i = 1; this.#names.has(name); i += 1) name = `${plain}_${i}`;
    this.#names.add(name);
    return name;
  }

  add(layer: NewLayer): KerasLayerOut {
    const { className, inputs, config = {}, weights = {}, affine } = layer;
    const made: KerasLayerOut = {
      name: this.fresh(layer.name ?? snakeCase(className)),
      className,
      config,
      inputs: inputs.flatMap(({ from }) => (from ? [from] : [])),
      weights,
      affine,
    };
    this.layers.push(made);
    return made;
  }

  /** An input of the model, under the very name that it is to have. */
  input(name: string, dims: readonly Dim[], dtype: DType): LayerValue {
    const layer: KerasLayerOut = {
      name,
      className: 'InputLayer',
      // TensorFlow.js has no other whole numbers.
      config: {
        batch_input_shape: dims,
        dtype: dtype === 'f32' ? 'float32' : 'int32',
        sparse: false,
      },
      inputs: [],
      weights: {},
      whole: dtype !== 'f32',
    };
    this.layers.push(layer);
    return { dims, dtype, from: { layer, output: 0 }, notNegative: dtype === 'u8' };
  }
}

/** What TensorFlow.js takes as a name, but for slashes. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][\w.-]*$/.test(name);
}

function snakeCase(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
}
