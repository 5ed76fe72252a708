import type { Graph, Node, Tensor } from '@vanda/engine';
import type { JsonField } from '../json-field.ts';

/** What an operation reads: a value of the graph, or a stored tensor, which may be read while the graph is built. */
export interface Argument {
  node(): Node;
  /** The numbers themselves; refused where they are computed. */
  stored(): Tensor;
}

/** One operation of a GraphDef that is being laid out. */
export interface OperationCall {
  readonly graph: Graph;
  readonly field: JsonField;
  readonly name: string;
  readonly inputs: readonly Argument[];
  readonly attributes: Attributes;
}

/** The attributes of a GraphDef's node as JSON: { NAME: { i | f | b | s | type | list: { i | s } } }. */
export class Attributes {
  readonly #field: JsonField;

  constructor(field: JsonField) {
    this.#field = field;
  }

  flag(name: string, fallback: boolean): boolean {
    return this.#member(name, 'b').flag(fallback);
  }

  number(name: string, fallback: number): number {
    return this.#member(name, 'f').number(fallback);
  }

  /** Whole numbers travel as text, since they have 64 bits. */
  wholes(name: string): number[] {
    const list = this.#member(name, 'list');
    if (list.absent || list.get('i').absent) return [];
    return list.get('i').list().map(whole);
  }

  /** Texts travel as base64. */
  text(name: string, fallback: string): string {
    const text = this.#member(name, 's');
    return text.absent ? fallback : fromBase64(text.text());
  }

  texts(name: string): string[] {
    const list = this.#member(name, 'list');
    if (list.absent || list.get('s').absent) return [];
    return list
      .get('s')
      .list()
      .map((item) => fromBase64(item.text()));
  }

  type(name: string): string {
    return this.#member(name, 'type').text('DT_FLOAT');
  }

  field(name: string): JsonField {
    return this.#field.get(name);
  }

  #member(name: string, kind: string): JsonField {
    const attribute = this.#field.absent ? this.#field : this.#field.get(name);
    return attribute.absent ? attribute : attribute.get(kind);
  }
}

function whole(item: JsonField): number {
  const value = typeof item.value === 'string' ? Number(item.value) : item.number();
  if (!Number.isSafeInteger(value)) item.fail('must be a whole number');
  return value;
}

/** The sizes of { dim: [{ size }, ...] }; -1 is open. */
export function shapeOfProto(field: JsonField): number[] {
  const dims = field.get('dim');
  if (dims.absent) return [];
  return dims.list().map((dim) => whole(dim.get('size')));
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}
