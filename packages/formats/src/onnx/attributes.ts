import { FormatError } from '../format-error.ts';
import type { AttributeProto, TensorProto } from './proto.ts';
import { attributeTypes } from './proto.ts';

/** The attributes of one node, each read by its type. What nobody read is refused: it might change what is computed. */
export class Attributes {
  readonly #where: string;
  readonly #given: Map<string, AttributeProto>;
  readonly #read = new Set<string>();

  constructor(where: string, given: readonly AttributeProto[]) {
    this.#where = where;
    this.#given = new Map(given.map((attribute) => [attribute.name, attribute]));
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  int(name: string, fallback?: number): number {
    const found = this.#find(name, 'i');
    if (!found) return this.#otherwise(name, fallback);
    return this.#whole(name, found.i);
  }

  flag(name: string, fallback = false): boolean {
    return this.int(name, fallback ? 1 : 0) !== 0;
  }

  float(name: string, fallback?: number): number {
    const found = this.#find(name, 'f');
    return found ? found.f : this.#otherwise(name, fallback);
  }

  text(name: string, fallback?: string): string {
    const found = this.#find(name, 's');
    if (!found) return this.#otherwise(name, fallback);
    // A field that is not there is an empty list.
    return new TextDecoder().decode(new Uint8Array(found.s));
  }

  ints(name: string, fallback?: readonly number[]): readonly number[] {
    const found = this.#find(name, 'ints');
    if (!found) return this.#otherwise(name, fallback);
    return found.ints.map((value) => this.#whole(name, value));
  }

  floats(name: string, fallback?: readonly number[]): readonly number[] {
    const found = this.#find(name, 'floats');
    return found ? found.floats : this.#otherwise(name, fallback);
  }

  texts(name: string): readonly string[] {
    const found = this.#find(name, 'strings');
    if (!found) return this.#otherwise<readonly string[]>(name, undefined);
    return found.strings.map((text) => new TextDecoder().decode(new Uint8Array(text)));
  }

  tensor(name: string): TensorProto | undefined {
    return this.#find(name, 't')?.t ?? undefined;
  }

  /** To be called when a node is done. */
  refuseUnread(): void {
    for (const name of this.#given.keys()) {
      if (this.#read.has(name)) continue;
      throw new FormatError(
        'ONNX',
        `${this.#where}.${name}`,
        'this operator has no such attribute here',
      );
    }
  }

  /** Attributes that say nothing about the result. */
  ignore(...names: string[]): void {
    for (const name of names) this.#read.add(name);
  }

  #find(name: string, type: keyof typeof attributeTypes): AttributeProto | undefined {
    this.#read.add(name);
    const found = this.#given.get(name);
    if (!found || found.type === attributeTypes[type]) return found;
    const text = `has the attribute type ${found.type} where ${type} (${attributeTypes[type]}) belongs`;
    throw new FormatError('ONNX', `${this.#where}.${name}`, text);
  }

  #otherwise<T>(name: string, fallback: T | undefined): T {
    if (fallback !== undefined) return fallback;
    throw new FormatError('ONNX', `${this.#where}.${name}`, 'this attribute is missing');
  }

  #whole(name: string, value: number | { toNumber(): number }): number {
    const number = typeof value === 'number' ? value : value.toNumber();
    if (Number.isSafeInteger(number) || Math.abs(number) >= 2 ** 53) return number;
    throw new FormatError('ONNX', `${this.#where}.${name}`, `${number} is no whole number`);
  }
}
