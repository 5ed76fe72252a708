import type { Dim, Node } from '@vanda/engine';
import { FormatError } from '../../format-error.ts';
import { plainOrder } from '../dims.ts';
import type { Attributes, GraphWriter } from './graph-writer.ts';
import type { LaidValue, Layout } from './laid-value.ts';

type Attribute = number | string | boolean | readonly number[];

/** One operation of the engine while it is put into nodes of ONNX. */
export class Emission {
  readonly op: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: readonly LaidValue[];
  /** What the operation gives, for shapes and dtypes. */
  readonly outputs: readonly Node[];
  readonly writer: GraphWriter;
  readonly layout: Layout;

  constructor(of: {
    op: string;
    attributes: Readonly<Record<string, Attribute>>;
    inputs: readonly LaidValue[];
    outputs: readonly Node[];
    writer: GraphWriter;
    layout: Layout;
  }) {
    this.op = of.op;
    this.attributes = of.attributes;
    this.inputs = of.inputs;
    this.outputs = of.outputs;
    this.writer = of.writer;
    this.layout = of.layout;
  }

  refuse(sentence: string): never {
    throw new FormatError('ONNX', `operation '${this.op}'`, sentence);
  }

  input(index: number): LaidValue {
    return this.inputs[index] ?? this.refuse(`its input ${index} is missing`);
  }

  /** An input in the engine's own order, or in another. */
  at(index: number, order?: readonly number[]): string {
    const value = this.input(index);
    return this.layout.inOrder(value, order ?? plainOrder(value.dims.length));
  }

  node(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.writer.op(opType, inputs, attributes);
  }

  /** An output of this operation, with how it lies. */
  result(name: string, order?: readonly number[], output = 0): LaidValue {
    const { shape, dtype } = this.outputs[output] ?? this.refuse(`gives no output ${output}`);
    return { name, dims: shape, dtype, order: order ?? plainOrder(shape.length) };
  }

  number(name: string): number {
    const value = this.attributes[name];
    return typeof value === 'number' ? value : this.refuse(`has no number '${name}'`);
  }

  numbers(name: string): readonly number[] {
    const value = this.attributes[name];
    return Array.isArray(value) ? (value as number[]) : this.refuse(`has no list '${name}'`);
  }

  text(name: string): string {
    return String(this.attributes[name] ?? '');
  }

  flag(name: string): boolean {
    return this.attributes[name] === true;
  }

  /** An axis as 0 and up. */
  axis(name: string, rank: number): number {
    const axis = this.number(name);
    return axis < 0 ? axis + rank : axis;
  }

  /** Dims that must be known. */
  known(dims: readonly Dim[]): number[] {
    return dims.map((dim) => dim ?? this.refuse('needs the size of the batch, which is open'));
  }
}

export type Emit = (emission: Emission) => LaidValue | readonly LaidValue[];
export type Emitters = Readonly<Record<string, Emit>>;
