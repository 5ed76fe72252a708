import type { Dim, Node, Tensor } from '@vanda/engine';
import type { JsonNode } from '../../export/fixed-values.ts';
import { valueKey } from '../../export/fixed-values.ts';
import { FormatError } from '../../format-error.ts';
import type { LayerValue } from './keras-layer.ts';
import type { LayerWriter, NewLayer } from './layer-writer.ts';

type Reference = readonly [node: number, output: number];

/** Values by where they come from: what is made of an operation that no layer can say is the error that says so. */
export type LaidValues = ReadonlyMap<string, LayerValue | FormatError>;

/** One operation of the engine while it is put into layers. */
export class LayerEmission {
  readonly op: string;
  /** What the operation gives, for shapes and dtypes. */
  readonly outputs: readonly Node[];
  /** Which of its results anybody reads. */
  readonly read: readonly boolean[];
  readonly writer: LayerWriter;
  readonly #id: number;
  readonly #nodes: readonly JsonNode[];
  readonly #laid: LaidValues;

  constructor(of: {
    id: number;
    nodes: readonly JsonNode[];
    outputs: readonly Node[];
    read: readonly boolean[];
    laid: LaidValues;
    writer: LayerWriter;
  }) {
    this.#id = of.id;
    this.#nodes = of.nodes;
    this.#laid = of.laid;
    this.op = (of.nodes[of.id] as JsonNode).op;
    this.outputs = of.outputs;
    this.read = of.read;
    this.writer = of.writer;
  }

  refuse(sentence: string): never {
    throw new FormatError('TFJS layers', `operation '${this.op}' (node ${this.#id})`, sentence);
  }

  get count(): number {
    return this.#references.length;
  }

  /** An input, known or not. */
  operand(index: number): LayerValue {
    const reference = this.#references[index] ?? this.refuse(`its input ${index} is missing`);
    return this.valueOf(reference);
  }

  /** An input that depends on those of the model. */
  input(index: number): LayerValue {
    const value = this.operand(index);
    if (value.fixed) return this.refuse(`its input ${index} is the same for every item`);
    if (value.dims[0] !== null) return this.refuse(`the batch is not the first axis of its input`);
    return value;
  }

  /** An input that is known now. */
  known(index: number): { tensor: Tensor; name: string } {
    const { fixed } = this.operand(index);
    return fixed ?? this.refuse(`its input ${index} changes with those of the model`);
  }

  /** Numbers of an input that is known now. */
  numbersOf(index: number): { data: Float32Array; shape: readonly number[]; name: string } {
    const { tensor, name } = this.known(index);
    if (tensor.dtype !== 'f32') return this.refuse(`its input ${index} is ${tensor.dtype}`);
    return { data: tensor.data as Float32Array, shape: tensor.shape, name };
  }

  valueOf([id, output]: Reference): LayerValue {
    const value = this.#laid.get(valueKey(id, output));
    if (value instanceof FormatError) throw value;
    return value ?? this.refuse(`takes output ${output} of node ${id}, which is not known`);
  }

  /** The operation that an input comes of, and what that reads; for functions that are made of several operations. */
  makerOf(
    reference: Reference | undefined,
  ): { op: string; inputs: readonly Reference[] } | undefined {
    const node = reference && this.#nodes[reference[0]];
    return node && { op: node.op, inputs: node.inputs ?? [] };
  }

  get references(): readonly Reference[] {
    return this.#references;
  }

  same(a: Reference | undefined, b: Reference | undefined): boolean {
    return a !== undefined && b !== undefined && a[0] === b[0] && a[1] === b[1];
  }

  /** The one number that a reference stands for, if it is known and one. */
  numberAt(reference: Reference | undefined): number | undefined {
    const value = reference && this.#laid.get(valueKey(...reference));
    if (!value || value instanceof FormatError || value.fixed?.tensor.data.length !== 1)
      return undefined;
    return Number(value.fixed.tensor.data[0]);
  }

  /** A layer that gives f32 numbers of these dims. */
  layer(dims: readonly Dim[], layer: NewLayer, notNegative = false): LayerValue {
    const made = this.writer.add(layer);
    return { dims, dtype: 'f32', from: { layer: made, output: 0 }, notNegative };
  }

  /** A layer that moves the numbers of a value and computes none. */
  moved(dims: readonly Dim[], x: LayerValue, layer: Omit<NewLayer, 'inputs'>): LayerValue {
    const made = this.writer.add({ ...layer, inputs: [x] });
    made.whole = x.from?.layer.whole;
    return { ...x, dims, from: { layer: made, output: 0 } };
  }

  /** Dims of a result. */
  dims(output = 0): readonly Dim[] {
    return this.outputs[output]?.shape ?? this.refuse(`gives no output ${output}`);
  }

  number(name: string): number {
    const value = this.#attribute(name);
    return typeof value === 'number' ? value : this.refuse(`has no number '${name}'`);
  }

  numbers(name: string): readonly number[] {
    const value = this.#attribute(name);
    return Array.isArray(value) ? (value as number[]) : this.refuse(`has no list '${name}'`);
  }

  text(name: string): string {
    return String(this.#attribute(name) ?? '');
  }

  flag(name: string): boolean {
    return this.#attribute(name) === true;
  }

  /** An axis as 0 and up. */
  axis(name: string, rank: number): number {
    const axis = this.number(name);
    return axis < 0 ? axis + rank : axis;
  }

  /** Dims behind the batch, which are always known. */
  places(dims: readonly Dim[]): number[] {
    return dims.slice(1).map((dim) => dim ?? this.refuse('has an open size beside the batch'));
  }

  get #references(): readonly Reference[] {
    return (this.#nodes[this.#id] as JsonNode).inputs ?? [];
  }

  #attribute(name: string) {
    return (this.#nodes[this.#id] as JsonNode).attributes?.[name];
  }
}

export type EmitLayers = (emission: LayerEmission) => LayerValue | readonly LayerValue[];
export type LayerEmitters = Readonly<Record<string, EmitLayers>>;
