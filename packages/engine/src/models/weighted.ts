import { saveArtifact } from '../artifact.ts';
import { EngineError } from '../engine-error.ts';
import type { Precision } from '../native.ts';
import type { Node } from '../node.ts';
import { readSafetensors, writeSafetensors } from '../safetensors.ts';
import type { NamePattern } from '../selection.ts';
import type { Session } from '../session.ts';
import type { Tensor } from '../tensor.ts';
import { Architecture } from './architecture.ts';
import { Bound } from './bound.ts';
import { matchVariables } from './freezing.ts';
import { homeOf, nameLayers } from './home.ts';
import type { Structure } from './structure.ts';
import type { AnyLayer } from './symbol.ts';

export interface ModelOptions {
  name?: string;
  /** What initial weights, shuffling and dropout follow from, 0 by default. */
  seed?: number;
  /** The size of the team that runs the model; all cores by default. */
  threads?: number;
  /** What products are made in; see SessionOptions. */
  precision?: Precision;
}

/** A model and its weights: read, written, saved, frozen. */
export class Weighted extends Architecture {
  protected readonly options: ModelOptions;
  protected readonly frozen = new Set<string>();
  #bound: Bound | undefined;

  constructor(kind: 'model' | 'sequential', options: ModelOptions, structure?: Structure) {
    super(kind, options.name);
    this.options = options;
    if (structure) this.shape(structure);
  }

  /** All weights by their names, as copies. */
  getWeights(): Record<string, Tensor> {
    const all = this.session.variables();
    return Object.fromEntries(this.bound.variables.map(({ name }) => [name, all[name] as Tensor]));
  }

  /** Some weights or all, by their names. */
  setWeights(weights: Record<string, Tensor>): void {
    const known = new Map(this.bound.variables.map((info) => [info.name, info]));
    for (const [name, { shape, dtype }] of Object.entries(weights)) {
      const info = known.get(name);
      if (!info) throw new EngineError('unknown_name', this.title, `there is no weight '${name}'`);
      if (info.shape.join() !== shape.join() || info.dtype !== dtype) {
        throw new EngineError(
          'shape_mismatch',
          this.title,
          `the weight '${name}' is ${info.dtype} [${info.shape.join(', ')}], not ${dtype} [${shape.join(', ')}]`,
        );
      }
    }
    this.session.assign(weights);
  }

  /** A safetensors file. */
  saveWeights(file: string): Promise<void> {
    return writeSafetensors(file, this.getWeights());
  }

  /** From a file of saveWeights, or `weights.safetensors` of what save wrote. */
  async loadWeights(file: string): Promise<void> {
    const { tensors } = await readSafetensors(file);
    const missing = this.bound.variables.find(({ name }) => !(name in tensors));
    if (missing) {
      throw new EngineError(
        'corrupt_file',
        file,
        `the weight '${missing.name}' is missing; are they those of another model?`,
      );
    }
    this.setWeights(tensors);
  }

  /** An artifact with the signature `predict`, for loadArtifact. */
  save(dir: string, extra?: unknown): Promise<void> {
    const { inputNames, inputs } = this.bound;
    const named = Object.fromEntries(inputNames.map((name, i) => [name, inputs[i] as Node]));
    const signatures = { predict: { inputs: named, outputs: this.outputNodes() } };
    return saveArtifact(dir, { session: this.session, signatures, extra });
  }

  /** Keeps variables as they are, by patterns of their names or of those of their layers; gives the variables' names. */
  freeze(...patterns: NamePattern[]): string[] {
    const names = matchVariables(this.title, this.structure, this.bound, patterns);
    for (const name of names) this.frozen.add(name);
    return names;
  }

  /** The other way round; without a pattern, all that were frozen so. */
  unfreeze(...patterns: NamePattern[]): string[] {
    const all = [...this.frozen];
    const names =
      patterns.length === 0
        ? all
        : matchVariables(this.title, this.structure, this.bound, patterns);
    for (const name of names) this.frozen.delete(name);
    return names;
  }

  /** Where the weights are. */
  get session(): Session {
    return this.bound.home.session;
  }

  protected get bound(): Bound {
    if (!this.#bound) {
      const home = homeOf(this.title, this.structure, this.options);
      this.#bound = new Bound(this.title, this.structure, home);
    }
    return this.#bound;
  }

  protected shape(structure: Structure): void {
    this.shaped = structure;
    nameLayers(structure, this.name === undefined ? '' : `${this.name}/`);
  }

  protected override frozenWeight(layer: AnyLayer, weight: string): boolean {
    if (this.frozen.size === 0) return false;
    const path = this.bound.home.path(layer);
    return this.frozen.has(`${path}/${weight}`);
  }

  /** By the outputs' names. */
  protected outputNodes(): Record<string, Node> {
    const { outputNames, outputs } = this.bound;
    return Object.fromEntries(outputNames.map((name, i) => [name, outputs[i] as Node]));
  }
}
