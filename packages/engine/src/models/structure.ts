import { EngineError } from '../engine-error.ts';
import type { AnyLayer, Call, Symbolic } from './symbol.ts';

/** A layer of a model, or one of its inputs; `calls` are those that the outputs depend on. */
export interface Entry {
  readonly name: string;
  readonly kind: string;
  /** undefined: an input. */
  readonly layer: AnyLayer | undefined;
  readonly calls: readonly Call[];
  readonly outputs: readonly Symbolic[];
}

/** What a model is made of, in an order in which it can be computed. */
export interface Structure {
  readonly inputs: readonly Symbolic[];
  readonly outputs: readonly Symbolic[];
  readonly calls: readonly Call[];
  readonly entries: readonly Entry[];
}

export function structureOf(
  model: string,
  inputs: readonly Symbolic[],
  outputs: readonly Symbolic[],
): Structure {
  if (inputs.some((symbol) => symbol.call))
    throw new EngineError('invalid_graph', model, 'an input must be made by input()');
  const calls = callsBefore(outputs);
  const used = new Set([...outputs, ...calls.flatMap(operands)]);
  const strange = [...used].find((symbol) => !symbol.call && !inputs.includes(symbol));
  if (strange) {
    throw new EngineError(
      'invalid_graph',
      model,
      `an output depends on the input '${strange.name ?? 'input'}', which is not among the inputs`,
    );
  }
  for (const symbol of inputs) {
    if (!used.has(symbol)) {
      throw new EngineError(
        'invalid_graph',
        model,
        `no output depends on the input '${symbol.name ?? 'input'}'`,
      );
    }
  }
  if (inputs.length === 0 || outputs.length === 0 || new Set(inputs).size < inputs.length)
    throw new EngineError('invalid_graph', model, 'takes inputs, each once, and outputs');
  return { inputs, outputs, calls, entries: entriesOf(model, inputs, calls) };
}

/** All that a call reads. */
export function operands(call: Call): readonly Symbolic[] {
  return call.mask ? [...call.inputs, call.mask] : call.inputs;
}

/** Every call that the symbols depend on, each after those that it depends on itself. */
export function callsBefore(symbols: readonly Symbolic[]): Call[] {
  const done = new Set<Call>();
  const pending = symbols.map((symbol) => symbol.call).reverse();
  const entered = new Set<Call>();
  while (pending.length > 0) {
    const call = pending.at(-1);
    if (!call || done.has(call) || entered.has(call)) {
      if (call) done.add(call);
      pending.pop();
      continue;
    }
    entered.add(call);
    pending.push(
      ...operands(call)
        .map((symbol) => symbol.call)
        .reverse(),
    );
  }
  return [...done];
}

/** maxPool: max_pool, as the engine calls layers. */
export function snakeCase(kind: string): string {
  return kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function kindOf(layer: AnyLayer): string {
  return layer.kind ?? 'layer';
}

function entriesOf(model: string, inputs: readonly Symbolic[], calls: readonly Call[]): Entry[] {
  const layers = [...new Set(calls.map((call) => call.layer))];
  const names = new Map<object, string>();
  const taken = new Set<string>();
  for (const owner of [...inputs, ...layers]) {
    if (owner.name === undefined) continue;
    if (taken.has(owner.name) || owner.name === '') {
      throw new EngineError(
        'invalid_attribute',
        model,
        `the name '${owner.name}' is empty or that of two layers; each needs one of its own`,
      );
    }
    taken.add(owner.name);
    names.set(owner, owner.name);
  }
  const nameOf = (owner: object, kind: string): string => {
    const given = names.get(owner);
    if (given !== undefined) return given;
    let [name, count] = [kind, 0];
    while (taken.has(name)) name = `${kind}_${++count}`;
    taken.add(name);
    return name;
  };
  const sources = inputs.map((symbol): Entry => {
    const name = nameOf(symbol, 'input');
    return { name, kind: 'input', layer: undefined, calls: [], outputs: [symbol] };
  });
  const rest = layers.map((layer): Entry => {
    const own = calls.filter((call) => call.layer === layer);
    const kind = kindOf(layer);
    const outputs = own.flatMap((call) => call.outputs);
    return { name: nameOf(layer, snakeCase(kind)), kind, layer, calls: own, outputs };
  });
  return [...sources, ...rest];
}

/** The outputs by the layers that give them; with a number where one gives several. */
export function outputNames(structure: Structure): string[] {
  const taken = new Set<string>();
  return structure.outputs.map((symbol) => {
    const name =
      structure.entries.find((entry) => entry.outputs.includes(symbol))?.name ?? 'output';
    let [free, count] = [name, 0];
    while (taken.has(free)) free = `${name}_${++count}`;
    taken.add(free);
    return free;
  });
}
