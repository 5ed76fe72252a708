import type { Dim, DType, Graph, Node } from '@vanda/engine';
import { EngineError } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import { inOrder, keyOf } from './call-order.ts';
import type { Dialect, LayerCall, LayerRule, Value, WeightOptions } from './layer-rule.ts';
import { ruleOf } from './layer-table.ts';
import type { KerasLayer, KerasModel, LayerUse, Reference } from './model-config.ts';

const CALLS_MAX = 50_000;

/** A variable that the network needs, and where Keras keeps its value. */
export interface WantedWeight {
  /** Of the variable: the layer's path and the weight's name. */
  readonly name: string;
  readonly layer: KerasLayer;
  /** The models around the layer, from the outermost on, each a layer of the one before. */
  readonly around: readonly KerasLayer[];
  /** Keras' own name of the weight, such as kernel. */
  readonly weight: string;
  /** Of a layer within the layer; empty for the layer itself. */
  readonly part: string;
  readonly shape: readonly number[];
  /** false: a statistic. Keras puts those behind what training changes, in a frozen layer as well. */
  readonly changes: boolean;
}

export interface BuiltNetwork {
  readonly inputs: Record<string, Node>;
  readonly outputs: Record<string, Node>;
  readonly places: Map<string, Node>;
  /** In the order in which they were made. */
  readonly weights: WantedWeight[];
}

/** Lays the layers of a model out as operations of a graph; variables are made, their values are not known yet. */
export function buildNetwork(graph: Graph, model: KerasModel, dialect: Dialect): BuiltNetwork {
  const built: BuiltNetwork = { inputs: {}, outputs: {}, places: new Map(), weights: [] };
  const builder = new Builder(graph, dialect, built);
  const outputs = builder.run(model, undefined, []);
  for (const [i, { layer }] of model.outputs.entries()) {
    const name = layer in built.outputs ? `${layer}_${i}` : layer;
    built.outputs[name] = (outputs[i] as Value).node;
  }
  return built;
}

class Builder {
  readonly #graph: Graph;
  readonly #dialect: Dialect;
  readonly #built: BuiltNetwork;
  readonly #weights = new Map<KerasLayer, Map<string, Node>>();
  #calls = 0;

  constructor(graph: Graph, dialect: Dialect, built: BuiltNetwork) {
    this.#graph = graph;
    this.#dialect = dialect;
    this.#built = built;
  }

  /** The results of a model for given inputs, or for inputs of its own. */
  run(
    model: KerasModel,
    given: readonly Value[] | undefined,
    around: readonly KerasLayer[],
  ): Value[] {
    const results = new Map<string, readonly Value[]>();
    for (const [i, reference] of model.inputs.entries()) {
      const layer = model.layers.find(({ name }) => name === reference.layer);
      if (!layer) return reference.field.fail(`there is no layer '${reference.layer}'`);
      const value = given ? given[i] : { node: this.#placeholder(layer) };
      if (!value) return reference.field.fail('the model is applied to fewer inputs than it has');
      results.set(keyOf(layer.name, 0), [value]);
    }
    for (const { layer, use, call } of inOrder(model)) {
      const key = keyOf(layer.name, call);
      if (results.has(key)) continue;
      const mask = use.mask && found(results, use.mask).node;
      const inputs = use.inputs.map((reference) => {
        const value = found(results, reference);
        return mask ? { ...value, mask } : value;
      });
      results.set(key, this.#apply(layer, use, call, inputs, around));
    }
    return model.outputs.map((reference) => found(results, reference));
  }

  #apply(
    layer: KerasLayer,
    use: LayerUse,
    call: number,
    inputs: readonly Value[],
    around: readonly KerasLayer[],
  ): readonly Value[] {
    this.#calls += 1;
    if (this.#calls > CALLS_MAX) layer.config.fail(`the model applies over ${CALLS_MAX} layers`);
    const path = [...around, layer];
    const results = layer.model
      ? this.run(layer.model, inputs, path)
      : this.#rule(layer, use, inputs, around);
    const name = path.map((one) => one.name).join('/');
    for (const [i, { node }] of results.entries())
      this.#built.places.set(
        [name, call || i ? call : '', i || ''].filter((s) => s !== '').join(':'),
        node,
      );
    return results;
  }

  #rule(
    layer: KerasLayer,
    use: LayerUse,
    inputs: readonly Value[],
    around: readonly KerasLayer[],
  ): readonly Value[] {
    const { config } = layer;
    const rule = ruleOf(layer);
    const [least, most] = rule.inputs;
    if (inputs.length < least || inputs.length > most)
      config.fail(
        `${layer.className} takes ${least === most ? least : `${least} to ${most}`} inputs, not ${inputs.length}`,
      );
    const mask = inputs.find((input) => input.mask)?.mask;
    if (mask && rule.mask === 'refused')
      config.fail(`${layer.className} cannot be taken behind an Embedding with mask_zero`);
    checkDType(layer);
    checkOptions(layer, use, rule);
    const results = this.#guarded(layer, () =>
      rule.apply({
        graph: this.#graph,
        config,
        inputs,
        options: use.options,
        numbers: use.numbers,
        dialect: this.#dialect,
        weight: (name, shape, options) => this.#weight(layer, around, name, shape, options),
      } satisfies LayerCall),
    );
    if (Array.isArray(results)) return results;
    return [{ node: results as Node, mask: rule.mask === 'passes' ? mask : undefined }];
  }

  #weight(
    layer: KerasLayer,
    around: readonly KerasLayer[],
    weight: string,
    shape: readonly number[],
    { trainable = true, part = '' }: WeightOptions = {},
  ): Node {
    const own = this.#weights.get(layer) ?? new Map<string, Node>();
    this.#weights.set(layer, own);
    const known = own.get(weight);
    if (known) return known;
    const path = [...around, layer];
    const name = `${path.map((one) => one.name).join('/')}/${weight}`;
    if (this.#graph.has(name)) layer.config.fail(`there are two weights called '${name}'`);
    const frozen = path.some((one) => !isTrainable(one));
    const node = this.#graph.variable(
      name,
      shape,
      { kind: 'zeros' },
      { trainable: trainable && !frozen },
    );
    own.set(weight, node);
    this.#built.weights.push({
      name,
      layer,
      around,
      weight,
      part,
      shape,
      changes: trainable,
    });
    return node;
  }

  #placeholder(layer: KerasLayer): Node {
    const { config, name, className } = layer;
    if (className !== 'InputLayer')
      config.fail(`'${name}' is no InputLayer, but an input of the model`);
    const field = config.get(
      config.get('batch_shape').absent ? 'batch_input_shape' : 'batch_shape',
    );
    if (field.absent) config.fail('the file does not say the shape of the input');
    const shape = field.list().map((dim, axis): Dim => {
      // Of whatever size the batch was when the file was written: layers do not depend on it.
      if (axis === 0) return null;
      return dim.absent ? dim.fail('only the batch may be left open') : dim.whole(1);
    });
    const dtype: DType = inputTypes[config.get('dtype').absent ? 'float32' : dtypeOf(layer)];
    if (this.#graph.has(name)) config.fail(`there are two inputs called '${name}'`);
    const node = this.#guarded(layer, () => this.#graph.placeholder(name, shape, dtype));
    this.#built.inputs[name] = node;
    this.#built.places.set(name, node);
    return node;
  }

  /** What the engine refuses is a fault of the file: its shapes or settings do not go together. */
  #guarded<T>(layer: KerasLayer, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw new FormatError(
        layer.config.format,
        layer.config.path,
        `'${layer.name}': ${error.message}`,
      );
    }
  }
}

const inputTypes = {
  float32: 'f32',
  int32: 'i32',
  int64: 'i64',
  uint8: 'u8',
  bool: 'bool',
} as const;

function dtypeOf({ config }: KerasLayer): keyof typeof inputTypes {
  return config.get('dtype').choice(Object.keys(inputTypes) as (keyof typeof inputTypes)[]);
}

/** Weights and results are f32; a policy of Keras 3 or a text says so. */
function checkDType({ config }: KerasLayer): void {
  const dtype = config.get('dtype');
  if (dtype.absent) return;
  const policy = typeof dtype.value === 'object' ? dtype.get('config').get('name') : dtype;
  policy.choice(['float32']);
}

/** What an application says beside its inputs must be known to its layer; training is nothing that a file decides. */
function checkOptions(
  { className }: KerasLayer,
  { options, numbers }: LayerUse,
  rule: LayerRule,
): void {
  options.get('training').mustBe(undefined, false);
  for (const name of Object.keys(options.object())) {
    if (name === 'training' || name === 'mask' || rule.options?.includes(name)) continue;
    options.get(name).mustBe(undefined);
  }
  if (numbers.length > 0 && !rule.numbers)
    options.fail(`${className} cannot be applied to plain numbers`);
}

function isTrainable({ config }: KerasLayer): boolean {
  return config.isList || config.get('trainable').flag(true);
}

function found(results: ReadonlyMap<string, readonly Value[]>, reference: Reference): Value {
  const { layer, call, output, field } = reference;
  const values = results.get(keyOf(layer, call));
  const value = values?.[output];
  if (!value) return field.fail(`'${layer}' has no call ${call} with an output ${output}`);
  return value;
}
