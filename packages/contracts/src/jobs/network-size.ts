import type { DatasetProfile, TableProfile } from '../datasets/profile.ts';
import type { CompletedModel } from './model-spec.ts';
import type { CompletedSpec } from './spec.ts';

/** How large a network is: what it learns, and what one item costs on its way through. */
export interface NetworkSize {
  weights: number;
  /** Floating-point operations of one item, forward. */
  operations: number;
}

/**
 * The size of the network that a spec describes, before there is one. Of pictures it is exact but for batch
 * normalisation, and of a retraining it is the head's alone; of a table it goes by the statistics of the columns, as
 * what each becomes is learned later.
 */
export function networkSize(spec: CompletedSpec, profile: DatasetProfile): NetworkSize {
  const { model } = spec;
  if (profile.kind === 'images') {
    return pictureNetwork(model, profile.labels.filter(({ count }) => count > 0).length);
  }
  const target = profile.columns.find(({ name }) => name === spec.target);
  const outputs = spec.task === 'tabular-regression' ? 1 : Math.max(2, target?.distinct ?? 2);
  return tableNetwork(model, inputsOf(spec, profile), outputs);
}

function dense(inputs: number, units: number): NetworkSize {
  return { weights: (inputs + 1) * units, operations: 2 * inputs * units };
}

function convolution(side: number, channels: number, filters: number): NetworkSize {
  const kernel = 9 * channels * filters;
  return { weights: kernel + filters, operations: 2 * kernel * side * side };
}

function together(layers: NetworkSize[]): NetworkSize {
  return {
    weights: layers.reduce((sum, layer) => sum + layer.weights, 0),
    operations: layers.reduce((sum, layer) => sum + layer.operations, 0),
  };
}

function pictureNetwork(model: CompletedModel, outputs: number): NetworkSize {
  const { size, channels } = model.input ?? { size: 28, channels: 1 };
  const pixels = size * size * channels;
  if (model.kind === 'linear') return dense(pixels, outputs);
  if (model.kind === 'mlp') return together(chain([pixels, ...model.hidden, outputs]));
  if (model.kind === 'retrain') return together(chain([usualFeatures, ...model.hidden, outputs]));
  const layers: NetworkSize[] = [];
  let [side, before]: [number, number] = [size, channels];
  for (const filters of model.filters) {
    layers.push(convolution(side, before, filters));
    before = filters;
    if (side >= 4) side = Math.floor(side / 2);
  }
  return together([...layers, ...chain([side * side * before, model.dense, outputs])]);
}

/** As wide as the features of many networks; how wide those of a base are, its spec does not say. */
const usualFeatures = 1280;
const baseOperationsPerPixel = 12_000;

/**
 * Roughly what one picture costs on its way through the base of a retraining, by a network made for phones (MobileNet
 * v2): enough to tell how two trainings on one base compare, and no more. Of other models 0.
 */
export function baseOperations(model: CompletedModel): number {
  return model.kind === 'retrain' ? baseOperationsPerPixel * model.input.size ** 2 : 0;
}

function chain(widths: number[]): NetworkSize[] {
  return widths.slice(1).map((units, at) => dense(widths[at] ?? 0, units));
}

interface TableInputs {
  numeric: number;
  oneHot: { columns: number; rows: number };
  embedding: { columns: number; rows: number };
}

const embeddingWidth = 8;

function tableNetwork(model: CompletedModel, inputs: TableInputs, outputs: number): NetworkSize {
  const { numeric, oneHot, embedding } = inputs;
  const linear = model.kind !== 'mlp';
  const hidden = linear ? [] : model.hidden;
  const first = hidden[0] ?? outputs;
  const lookedUp = linear ? embedding.columns : 0;
  const layers = [
    dense(numeric + (linear ? 0 : embedding.columns * embeddingWidth), first),
    { weights: oneHot.rows * first, operations: (oneHot.columns + lookedUp) * first },
    { weights: embedding.rows * (linear ? first : embeddingWidth), operations: 0 },
  ];
  return together([...layers, ...(linear ? [] : chain([...hidden, outputs]))]);
}

/** The rules of preparing a table, as far as statistics of whole columns tell how they will end. */
function inputsOf(spec: CompletedSpec, profile: TableProfile): TableInputs {
  const excluded = new Set(spec.columns?.exclude ?? []);
  const inputs: TableInputs = {
    numeric: 0,
    oneHot: { columns: 0, rows: 0 },
    embedding: { columns: 0, rows: 0 },
  };
  for (const { name, type, count, nulls, distinct } of profile.columns) {
    if (name === spec.target || name === profile.splitColumn || excluded.has(name)) continue;
    const missing = nulls > 0 ? 1 : 0;
    if (count === 0 || (distinct === 1 && missing === 0)) continue;
    if (type !== 'text') {
      inputs.numeric += (type === 'date' || type === 'timestamp' ? 5 : 1) + missing;
      continue;
    }
    if (distinct > 20 && count / distinct < 4) continue;
    const part = inputs[distinct > 64 ? 'embedding' : 'oneHot'];
    part.columns += 1;
    part.rows += 1 + missing + distinct;
  }
  return inputs;
}
