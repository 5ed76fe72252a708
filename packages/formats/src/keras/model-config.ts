import { JsonField } from '../json-field.ts';
import { callsOf, referenceOf, referencesOf } from './references.ts';

const LAYERS_MAX = 20_000;
const NESTING_MAX = 16;

/** One result of one application of a layer. */
export interface Reference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
  readonly field: JsonField;
}

/** One application of a layer. */
export interface LayerUse {
  readonly inputs: readonly Reference[];
  /** Inputs that are plain numbers: what is written as `x + 3` has such. */
  readonly numbers: readonly number[];
  readonly mask: Reference | undefined;
  /** What the application says beside its inputs, such as a mask. */
  readonly options: JsonField;
}

export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  readonly config: JsonField;
  readonly uses: readonly LayerUse[];
  /** Of a layer that is a model itself. */
  readonly model: KerasModel | undefined;
}

/** A model as all of Keras' configurations say it: layers, and who reads whom. */
export interface KerasModel {
  readonly name: string;
  readonly layers: readonly KerasLayer[];
  readonly inputs: readonly Reference[];
  readonly outputs: readonly Reference[];
}

/** Reads `{ class_name, config }` of Keras 2, Keras 3 or TensorFlow.js; nothing is looked up by a module's name. */
export function readModelConfig(field: JsonField, depth = 0): KerasModel {
  if (depth > NESTING_MAX) field.fail(`models lie in models more than ${NESTING_MAX} deep`);
  const className = field.get('class_name').choice(MODEL_CLASSES);
  refuseRegistered(field, className);
  const config = field.get('config');
  return className === 'Sequential' ? sequential(config, depth) : functional(config, depth);
}

const MODEL_CLASSES = ['Sequential', 'Functional', 'Model'] as const;

function isModel(className: string): boolean {
  return MODEL_CLASSES.some((name) => name === className);
}

function functional(config: JsonField, depth: number): KerasModel {
  const name = config.get('name').text('model');
  const layers = config.get('layers').list();
  if (layers.length > LAYERS_MAX) config.get('layers').fail(`has more than ${LAYERS_MAX} layers`);
  const read = layers.map((layer) => layerOf(layer, callsOf(layer.get('inbound_nodes')), depth));
  unique(read, config);
  return countedFromZero({
    name,
    layers: read,
    inputs: referencesOf(config.get('input_layers')),
    outputs: referencesOf(config.get('output_layers')),
  });
}

/**
 * Most writers count the making of a model as its call 0, and so its first use as a layer as call 1. Where no reference
 * names the call 0 of such a layer, that is how they are counted.
 */
function countedFromZero({ layers, inputs, outputs, name }: KerasModel): KerasModel {
  const all = [...outputs, ...layers.flatMap((layer) => layer.uses.flatMap(readBy))];
  const later = new Set(layers.filter(({ model }) => model).map((layer) => layer.name));
  for (const { layer, call } of all) if (call === 0) later.delete(layer);
  const counted = (reference: Reference): Reference =>
    later.has(reference.layer) ? { ...reference, call: reference.call - 1 } : reference;
  const used = (use: LayerUse): LayerUse => ({
    ...use,
    inputs: use.inputs.map(counted),
    mask: use.mask && counted(use.mask),
  });
  return {
    name,
    layers: layers.map((layer) => ({ ...layer, uses: layer.uses.map(used) })),
    inputs,
    outputs: outputs.map(counted),
  };
}

/** Layers one after the other, as a functional model; the input is made where the file leaves it to the first layer. */
function sequential(config: JsonField, depth: number): KerasModel {
  const field = config.isList ? config : config.get('layers');
  const fields = field.list();
  if (fields.length === 0 || fields.length > LAYERS_MAX)
    field.fail(`has ${fields.length} layers; 1 to ${LAYERS_MAX} fit`);
  const classes = fields.map((layer) => layer.get('class_name').text());
  const [first] = fields as [JsonField];
  const input = classes[0] === 'InputLayer' ? undefined : impliedInput(config, first);
  const layers: KerasLayer[] = input ? [input] : [];
  for (const layer of fields) {
    const before = layers.at(-1);
    const inputs = before ? [referenceOf(before.name, layer)] : [];
    const uses = before
      ? [{ inputs, numbers: [], mask: undefined, options: emptyOptions(layer) }]
      : [];
    layers.push(layerOf(layer, uses, depth));
  }
  unique(layers, config);
  return {
    name: config.isList ? 'sequential' : config.get('name').text('sequential'),
    layers,
    inputs: [referenceOf((layers[0] as KerasLayer).name, field)],
    outputs: [referenceOf((layers.at(-1) as KerasLayer).name, field)],
  };
}

/** The first layer says the shape of its input (Keras 2), or the model does (Keras 3), or whoever applies the model. */
function impliedInput(config: JsonField, first: JsonField): KerasLayer {
  const own = firstConfig(first, 0);
  const built = config.isList ? [] : [config.get('build_input_shape')];
  const shape = [own.get('batch_input_shape'), own.get('batch_shape'), ...built].find(
    (one) => !one.absent,
  );
  const value = { batch_input_shape: shape?.value, dtype: own.get('dtype').value };
  return {
    name: 'input',
    className: 'InputLayer',
    config: new JsonField(config.format, `${config.path}.input`, value),
    uses: [],
    model: undefined,
  };
}

/** The configuration of the layer that reads the input first: of a model, of its own first layer. */
function firstConfig(layer: JsonField, depth: number): JsonField {
  if (depth > NESTING_MAX) layer.fail(`models lie in models more than ${NESTING_MAX} deep`);
  const config = layer.get('config');
  if (!isModel(layer.get('class_name').text())) return config;
  const [first] = config.isList ? config.list() : config.get('layers').list();
  return first ? firstConfig(first, depth + 1) : layer.fail('has no layers');
}

function layerOf(field: JsonField, uses: readonly LayerUse[], depth: number): KerasLayer {
  const className = field.get('class_name').text();
  refuseRegistered(field, className);
  const config = field.get('config');
  const model = isModel(className) ? readModelConfig(field, depth + 1) : undefined;
  const own = config.isList ? new JsonField(field.format, field.path, {}) : config;
  const name = field.get('name').absent
    ? own.get('name').text(className.toLowerCase())
    : field.get('name').text();
  if (name === '' || name === '__proto__' || name.length > 500)
    field.fail("a layer needs a name of 1 to 500 letters that is not '__proto__'");
  return { name, className, config, uses, model };
}

/** Keras 3 writes a name of its own beside classes that a program made: nobody's program is looked up here. */
function refuseRegistered(field: JsonField, className: string): void {
  const registered = field.get('registered_name');
  if (registered.absent || registered.value === className) return;
  registered.fail(
    `'${registered.text().slice(0, 100)}' was registered by a program; only Keras' own layers can be taken`,
  );
}

function emptyOptions(layer: JsonField): JsonField {
  return new JsonField(layer.format, layer.path, {});
}

function unique(layers: readonly KerasLayer[], config: JsonField): void {
  const names = new Set<string>();
  for (const { name } of layers) {
    if (names.has(name)) config.fail(`there are two layers called '${name}'`);
    names.add(name);
  }
}

/** All results that an application reads. */
export function readBy({ inputs, mask }: LayerUse): readonly Reference[] {
  return mask ? [...inputs, mask] : inputs;
}
