import { EngineError } from '../engine-error.ts';
import { Graph } from '../graph.ts';
import type { VariableInfo } from '../graph-core.ts';
import type { Precision } from '../native.ts';
import type { Node } from '../node.ts';
import { Session } from '../session.ts';
import type { Dim, DType } from '../tensor.ts';
import { isNetwork } from './network.ts';
import type { Structure } from './structure.ts';
import type { AnyLayer, Symbolic } from './symbol.ts';
import { leaves, weightTypes } from './weights.ts';

export interface HomeOptions {
  seed?: number;
  threads?: number;
  precision?: Precision;
}

/** Where layers have their weights: one graph and session for all models that share a layer. */
export class Home {
  readonly graph: Graph;
  readonly session: Session;
  readonly #paths = new Map<string, AnyLayer>();
  readonly #pathOf = new Map<AnyLayer, string>();
  readonly #variables = new Map<AnyLayer, VariableInfo[]>();
  readonly #places = new Map<Symbolic, Node>();

  constructor(options: HomeOptions) {
    this.graph = new Graph({ seed: options.seed });
    this.session = new Session(this.graph, {
      threads: options.threads,
      precision: options.precision,
    });
  }

  /** What the layer's variables are named after: its place in the model that it was put into first. */
  path(layer: AnyLayer): string {
    const known = this.#pathOf.get(layer);
    if (known !== undefined) return known;
    const wanted = firstPaths.get(layer) ?? 'layer';
    let [path, count] = [wanted, 0];
    while (this.#paths.has(path)) path = `${wanted}_${++count}`;
    this.#paths.set(path, layer);
    this.#pathOf.set(layer, path);
    return path;
  }

  /** Runs what applies a layer, and keeps which variables that made. */
  watch<T>(layer: AnyLayer, body: () => T): T {
    const before = this.graph.variables.length;
    const result = body();
    const own = this.#variables.get(layer) ?? [];
    this.#variables.set(layer, [...own, ...this.graph.variables.slice(before)]);
    return result;
  }

  variablesOf(layer: AnyLayer): readonly VariableInfo[] {
    return this.#variables.get(layer) ?? [];
  }

  /** The placeholder of an input; models that begin with the same symbol share it. */
  place(symbol: Symbolic, name: string): Node {
    const known = this.#places.get(symbol);
    if (known) return known;
    const node = this.column(name, symbol);
    this.#places.set(symbol, node);
    return node;
  }

  /** A placeholder of that type, called so, or so and a number where that is the name of another one. */
  column(name: string, type: { shape: readonly Dim[]; dtype: DType }): Node {
    let [free, count] = [name, 0];
    while (this.graph.has(free)) free = `${name}_${++count}`;
    return this.graph.placeholder(free, type.shape, type.dtype);
  }
}

const homes = new WeakMap<AnyLayer, Home>();
const firstPaths = new WeakMap<AnyLayer, string>();

/** Gives the layers of a new model their paths, where an earlier model has not. */
export function nameLayers(structure: Structure, prefix: string): void {
  for (const { layer, name } of structure.entries)
    if (layer && !isNetwork(layer) && !firstPaths.has(layer)) firstPaths.set(layer, prefix + name);
}

/** The home of all layers of a model: that which some of them have already, or a new one. */
export function homeOf(model: string, structure: Structure, options: HomeOptions): Home {
  const layers = [...leaves(structure).keys()].filter((layer) => weightTypes(layer).length > 0);
  const found = new Map<Home, AnyLayer>();
  for (const layer of layers) {
    const home = homes.get(layer);
    if (home && !found.has(home)) found.set(home, layer);
  }
  const [first, second] = found.keys();
  if (first && second) {
    const names = [...found.values()].map((layer) => `'${firstPaths.get(layer) ?? 'layer'}'`);
    throw new EngineError(
      'invalid_graph',
      model,
      `${names.join(' and ')} have weights apart already; put models together before the first of them is trained or run, or copy weights with getWeights and setWeights`,
    );
  }
  const home = first ?? new Home(options);
  for (const layer of layers) homes.set(layer, home);
  return home;
}
