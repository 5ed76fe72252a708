import type { Graph, Tensor } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { WantedWeight } from './build-network.ts';
import type { Hdf5Reader } from './hdf5-reader.ts';
import type { KerasLayer, KerasModel } from './model-config.ts';

type Fill = (wanted: WantedWeight, tensor: Tensor) => void;

function filling(graph: Graph): Fill {
  return ({ name }, tensor) => graph.initialValues.set(name, tensor);
}

/**
 * The weights of a .keras file: each layer has a group that is called after its class and its number among the layers
 * of that class, and numbers its own weights, the trainable ones first (Keras 3, saving_lib.py).
 */
export async function fillByNumber(
  graph: Graph,
  model: KerasModel,
  weights: readonly WantedWeight[],
  file: Hdf5Reader,
): Promise<void> {
  const fill = filling(graph);
  const groups = new Map<KerasLayer, string>();
  nameGroups(model, 'layers', groups);
  const owners = Map.groupBy(weights, ({ layer, part }) => `${groups.get(layer)}/${part}`);
  for (const own of owners.values()) {
    const order = own.toSorted((a, b) => Number(b.changes) - Number(a.changes));
    for (const [i, wanted] of order.entries()) {
      const parts = [groups.get(wanted.layer), wanted.part, 'vars', i].filter(
        (part) => part !== '',
      );
      fill(wanted, await file.numbers(parts.join('/'), wanted.shape));
    }
  }
}

function nameGroups(model: KerasModel, folder: string, groups: Map<KerasLayer, string>): void {
  const counts = new Map<string, number>();
  for (const layer of model.layers) {
    const kind = snakeCase(layer.className === 'Model' ? 'Functional' : layer.className);
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    const group = `${folder}/${count === 0 ? kind : `${kind}_${count}`}`;
    groups.set(layer, group);
    if (layer.model) nameGroups(layer.model, `${group}/layers`, groups);
  }
}

/** As Keras names groups after classes: Conv2D is conv2d, MultiHeadAttention multi_head_attention. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/**
 * The weights of a legacy .h5 file: each layer of the outermost model has a group that lists its weights by names such
 * as inner/dense/kernel or dense/kernel:0, with a cell's name between those of a layer and a weight or not.
 */
export async function fillByName(
  graph: Graph,
  weights: readonly WantedWeight[],
  file: Hdf5Reader,
): Promise<void> {
  const fill = filling(graph);
  const owners = Map.groupBy(weights, ({ around, layer }) => (around[0] ?? layer).name);
  for (const [owner, own] of owners) {
    const group = `model_weights/${owner}`;
    const names = new Map<string, string>();
    for (const name of await file.texts(group, 'weight_names')) names.set(plainName(name), name);
    for (const wanted of own) {
      const name = findName([...names.keys()], wanted);
      const stored = names.get(name ?? '');
      if (name === undefined || stored === undefined)
        throw new FormatError(
          'Keras',
          group,
          `lists no weight '${wanted.weight}' of '${wanted.layer.name}'`,
        );
      names.delete(name);
      fill(wanted, await file.numbers(`${group}/${stored}`, wanted.shape));
    }
    const [more] = names.values();
    if (more !== undefined)
      throw new FormatError('Keras', `${group}/${more}`, 'no layer needs this weight');
  }
}

/** By as much of the path as decides: the weight's own name, its layer's, those of the models around. */
function findName(
  names: readonly string[],
  { around, layer, weight }: WantedWeight,
): string | undefined {
  const path = [...around, layer].map((one) => one.name);
  for (let first = 0; first < path.length; first += 1) {
    for (const alias of [weight, weight.replace(/^depthwise_kernel$/, 'kernel')]) {
      const suffix = [...path.slice(first), alias].join('/');
      const found = names.filter(
        (name) =>
          `/${name}`.endsWith(`/${suffix}`) || `/${withoutCell(name)}`.endsWith(`/${suffix}`),
      );
      if (found.length === 1) return found[0];
    }
  }
  return undefined;
}

function plainName(name: string): string {
  return name.replace(/:0$/, '');
}

/** Of a recurrent layer TensorFlow 2.2 and later write LAYER/CELL/weight. */
export function withoutCell(name: string): string {
  const parts = name.split('/');
  return parts.length < 3 ? name : [...parts.slice(0, -2), parts.at(-1)].join('/');
}
