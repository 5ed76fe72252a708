import type { DType } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { Attributes } from './attributes.ts';
import type { Builder } from './builder.ts';
import type { OnnxDim } from './dims.ts';
import type { Known, Value } from './value.ts';
import { asKnown, dimsOf, dtypeOf } from './value.ts';

/** One node of the file while its operator turns it into operations of the engine. */
export class Call {
  readonly op: string;
  /** How errors call the node. */
  readonly where: string;
  readonly opset: number;
  readonly attributes: Attributes;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputNames: readonly string[];
  readonly builder: Builder;

  constructor(of: {
    op: string;
    where: string;
    opset: number;
    attributes: Attributes;
    inputs: readonly (Value | undefined)[];
    outputNames: readonly string[];
    builder: Builder;
  }) {
    this.op = of.op;
    this.where = of.where;
    this.opset = of.opset;
    this.attributes = of.attributes;
    this.inputs = of.inputs;
    this.outputNames = of.outputNames;
    this.builder = of.builder;
  }

  refuse(sentence: string, field?: string): never {
    throw new FormatError('ONNX', field ? `${this.where}.${field}` : this.where, sentence);
  }

  input(index: number): Value {
    return this.inputs[index] ?? this.refuse(`its input ${index} is missing`);
  }

  dims(index: number): readonly OnnxDim[] {
    return dimsOf(this.input(index));
  }

  rank(index: number): number {
    return this.dims(index).length;
  }

  dtype(index: number): DType {
    return dtypeOf(this.input(index));
  }

  /** An input whose elements must be known now; undefined where it was left out. */
  optionalKnown(index: number): Known | undefined {
    const value = this.inputs[index];
    if (!value) return undefined;
    // Numbers that an operator is made of are none that training changes.
    const fixed = value.kind === 'stored' ? { ...value, weight: false } : value;
    return asKnown(fixed) ?? this.refuse(`its input ${index} must be known when the file is read`);
  }

  known(index: number): Known {
    this.input(index);
    return this.optionalKnown(index) as Known;
  }

  /** A list of plain numbers, such as axes or repeats. */
  numbers(index: number): number[] {
    return this.known(index).data.map((element) =>
      typeof element === 'number'
        ? element
        : this.refuse(`its input ${index} would depend on the batch`),
    );
  }

  optionalNumbers(index: number): number[] | undefined {
    return this.inputs[index] ? this.numbers(index) : undefined;
  }

  /** One number, such as the bounds of Clip. */
  scalar(index: number): number {
    const [value, ...more] = this.numbers(index);
    if (value !== undefined && more.length === 0) return value;
    return this.refuse(`its input ${index} must hold one number`);
  }

  /** A possibly negative axis among `rank`. */
  axis(axis: number, rank: number): number {
    const at = axis < 0 ? axis + rank : axis;
    if (Number.isInteger(at) && at >= 0 && at < rank) return at;
    return this.refuse(`there is no axis ${axis} in ${rank} dims`, 'axis');
  }

  /** Axes as an attribute up to some opset, as an input from then on. */
  axes(inputSince: number, index = 1): number[] | undefined {
    if (this.opset >= inputSince) return this.optionalNumbers(index);
    return this.attributes.has('axes') ? [...this.attributes.ints('axes')] : undefined;
  }
}

export type Operator = (call: Call) => Value | readonly Value[];
export type Operators = Readonly<Record<string, Operator>>;
