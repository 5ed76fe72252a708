import type { Tensor } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { NamedTensors } from '../imported-network.ts';
import { FORMAT } from './byte-cursor.ts';
import type { Storage } from './globals.ts';
import { StoredTensor } from './globals.ts';
import type { View } from './stored-numbers.ts';
import { ELEMENT_BYTES, numbersOf } from './stored-numbers.ts';
import { valueText } from './value-text.ts';

const DEPTH_MAX = 32;
const VALUES_MAX = 1_000_000;
const RANK_MAX = 8;
const NAME_MAX = 2000;

/**
 * The tensors in a state dict, or in a checkpoint that holds one, by their names; those in dicts within dicts have the
 * names of both with a dot between. Views that more than one name shows are copied once. `budget` bounds the elements
 * of all copies: a file has at least a byte for each, whatever it says of sizes.
 */
export function collectTensors(
  root: unknown,
  bytesOf: (storage: Storage) => Uint8Array,
  budget: number,
): NamedTensors {
  if (!(root instanceof Map)) throw new FormatError(FORMAT, 'pickle', 'is no dict of tensors');
  const collector = new Collector(bytesOf, budget);
  collector.visit('', root, 0);
  return Object.fromEntries(collector.tensors);
}

class Collector {
  readonly tensors = new Map<string, Tensor>();
  readonly #bytesOf: (storage: Storage) => Uint8Array;
  readonly #copies = new Map<string, Tensor>();
  #budget: number;
  #values = 0;

  constructor(bytesOf: (storage: Storage) => Uint8Array, budget: number) {
    this.#bytesOf = bytesOf;
    this.#budget = budget;
  }

  visit(name: string, value: unknown, depth: number): void {
    this.#values += 1;
    if (this.#values > VALUES_MAX) refuse(name, `is the ${VALUES_MAX}th value; no more fit`);
    if (depth > DEPTH_MAX) refuse(name, `lies over ${DEPTH_MAX} dicts deep`);
    if (value instanceof StoredTensor) {
      if (name.length > NAME_MAX) refuse(name, `is a name of over ${NAME_MAX} letters`);
      if (this.tensors.has(name)) refuse(name, 'is the name of two tensors');
      this.tensors.set(name, this.#copy(name, value));
    }
    const below = value instanceof Map ? value : Array.isArray(value) ? value.entries() : [];
    for (const [key, item] of below as Iterable<[unknown, unknown]>) {
      const path = name === '' ? valueText(key) : `${name}.${valueText(key)}`;
      // Cut where no tensor may have it anyway: 32 texts of many megabytes are no name.
      this.visit(path.slice(0, NAME_MAX + 1), item, depth + 1);
    }
  }

  #copy(name: string, { storage, ...given }: StoredTensor): Tensor {
    const view = checkedView(name, storage, given);
    const key = [storage.key, view.offset, view.size.join(), view.stride.join()].join(' ');
    const known = this.#copies.get(key);
    if (known) return known;
    this.#budget -= view.size.reduce((product, dim) => product * dim, 1);
    if (this.#budget < 0) refuse(name, 'the tensors show more elements than the file has bytes');
    const bytes = this.#bytesOf(storage);
    if (bytes.byteLength < storage.elements * ELEMENT_BYTES[storage.type])
      refuse(
        name,
        `its storage announces ${storage.elements} elements, the file has ${bytes.byteLength} bytes`,
      );
    const tensor = { ...numbersOf(storage.type, bytes, view), shape: view.size };
    this.#copies.set(key, tensor);
    return tensor;
  }
}

/** Sizes, strides and offset that lie within the storage and show no element twice over. */
function checkedView(
  name: string,
  storage: Storage,
  given: { offset: unknown; size: unknown; stride: unknown },
): View {
  const offset = whole(name, 'offset', given.offset);
  const size = wholes(name, 'size', given.size);
  const stride = wholes(name, 'stride', given.stride);
  if (size.length !== stride.length || size.length > RANK_MAX)
    refuse(name, `has ${size.length} sizes and ${stride.length} strides; at most ${RANK_MAX} fit`);
  const count = size.reduce((product, dim) => product * dim, 1);
  if (count > storage.elements)
    refuse(
      name,
      `[${size.join(', ')}] has more elements than its storage, which has ${storage.elements}`,
    );
  const last = size.reduce(
    (place, dim, axis) => place + (dim - 1) * (stride[axis] as number),
    offset,
  );
  if (count > 0 && last >= storage.elements)
    refuse(name, `reaches element ${last} of a storage of ${storage.elements}`);
  return { offset, size, stride };
}

function wholes(name: string, what: string, value: unknown): number[] {
  if (!Array.isArray(value)) return refuse(name, `its ${what} must be a tuple`);
  return value.map((one) => whole(name, what, one));
}

function whole(name: string, what: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  return refuse(
    name,
    `its ${what} has ${valueText(value).slice(0, 40)}, which is no whole number of at least 0`,
  );
}

function refuse(name: string, sentence: string): never {
  throw new FormatError(FORMAT, name === '' ? 'pickle' : name.slice(0, 500), sentence);
}
