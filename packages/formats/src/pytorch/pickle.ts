import type { ByteCursor } from './byte-cursor.ts';
import type { Callable } from './globals.ts';
import { callable } from './globals.ts';
import { valueText } from './value-text.ts';

/** What a state dict's pickle can hold: dicts are Maps, lists and tuples arrays. */
export type Pickled = unknown;

/** Gives what a persistent id stands for: a storage. */
export type LoadPersistent = (id: Pickled, cursor: ByteCursor) => Pickled;

const MARK = Symbol('mark');
const MEMO_MAX = 10_000_000;
const TEXT_BYTES_MAX = 2 ** 28;

/** Opcodes of Python's pickletools that a state dict has no use for, for the sentence that refuses them. */
const REFUSED: Readonly<Record<string, string>> = {
  '0': 'POP',
  '1': 'POP_MARK',
  '2': 'DUP',
  d: 'DICT',
  F: 'FLOAT',
  g: 'GET',
  i: 'INST',
  I: 'INT',
  l: 'LIST',
  L: 'LONG',
  o: 'OBJ',
  p: 'PUT',
  P: 'PERSID',
  S: 'STRING',
  V: 'UNICODE',
  '\x81': 'NEWOBJ',
  '\x82': 'EXT1',
  '\x83': 'EXT2',
  '\x84': 'EXT4',
  '\x8f': 'EMPTY_SET',
  '\x90': 'ADDITEMS',
  '\x91': 'FROZENSET',
  '\x92': 'NEWOBJ_EX',
  '\x96': 'BYTEARRAY8',
  '\x97': 'NEXT_BUFFER',
  '\x98': 'READONLY_BUFFER',
};

/**
 * One pickle, from the cursor on, as a closed machine: it makes dicts, lists, tuples, texts and numbers, and calls what
 * globals.ts names and nothing else. Nothing that a file names is looked up or run (opcodes: CPython's pickletools).
 */
export function readPickle(cursor: ByteCursor, loadPersistent: LoadPersistent): Pickled {
  const machine = new Machine(cursor, loadPersistent);
  for (;;) {
    const at = cursor.offset;
    const code = cursor.u8();
    if (code === STOP) return machine.result();
    const step = steps.get(code);
    if (step) {
      step(machine, cursor);
      continue;
    }
    cursor.offset = at;
    const letter = String.fromCharCode(code);
    const hex = `0x${code.toString(16).padStart(2, '0')}`;
    cursor.fail(`the pickle has the opcode ${REFUSED[letter] ?? hex}, which no state dict needs`);
  }
}

class Machine {
  readonly #cursor: ByteCursor;
  readonly #loadPersistent: LoadPersistent;
  readonly #stack: Pickled[] = [];
  readonly #memo = new Map<number, Pickled>();

  constructor(cursor: ByteCursor, loadPersistent: LoadPersistent) {
    this.#cursor = cursor;
    this.#loadPersistent = loadPersistent;
  }

  result(): Pickled {
    const value = this.pop();
    if (this.#stack.length > 0) this.#cursor.fail('the pickle ends with more than one value');
    return value;
  }

  push(value: Pickled): void {
    this.#stack.push(value);
  }

  mark(): void {
    this.#stack.push(MARK);
  }

  pop(): Pickled {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK)
      this.#cursor.fail('the pickle takes what is not there');
    return value;
  }

  top(): Pickled {
    const value = this.pop();
    this.push(value);
    return value;
  }

  /** Everything above the last mark, which goes. */
  aboveMark(): Pickled[] {
    const place = this.#stack.lastIndexOf(MARK);
    if (place < 0) this.#cursor.fail('the pickle has no mark here');
    const values = this.#stack.splice(place);
    return values.slice(1);
  }

  put(index: number): void {
    if (this.#memo.size >= MEMO_MAX) this.#cursor.fail(`remembers over ${MEMO_MAX} values`);
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    if (!this.#memo.has(index)) this.#cursor.fail(`the pickle remembers no value ${index}`);
    this.push(this.#memo.get(index));
  }

  global(module: Pickled, name: Pickled): void {
    this.push(callable(`${valueText(module)}.${valueText(name)}`, this.#cursor));
  }

  reduce(): void {
    const given = this.pop();
    const what = this.pop() as Callable;
    if (!Array.isArray(given) || typeof what?.call !== 'function')
      this.#cursor.fail('the pickle calls what cannot be called');
    this.push(what.call(given as Pickled[], this.#cursor));
  }

  /** Attributes of an OrderedDict, such as the versions of modules, which say nothing of tensors. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map))
      this.#cursor.fail('the pickle gives attributes to what has none');
  }

  append(values: Pickled[]): void {
    const list = this.top();
    if (!Array.isArray(list)) this.#cursor.fail('the pickle appends to what is no list');
    for (const value of values) (list as Pickled[]).push(value);
  }

  set(pairs: Pickled[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || pairs.length % 2 !== 0)
      this.#cursor.fail('the pickle sets items of what is no dict');
    for (let i = 0; i < pairs.length; i += 2)
      (dict as Map<Pickled, Pickled>).set(pairs[i], pairs[i + 1]);
  }

  persistent(): void {
    this.push(this.#loadPersistent(this.pop(), this.#cursor));
  }
}

type Step = (machine: Machine, cursor: ByteCursor) => void;

const STOP = '.'.charCodeAt(0);
const text = (cursor: ByteCursor, length: number) => {
  if (length > TEXT_BYTES_MAX) cursor.fail(`a text has ${length} bytes, over ${TEXT_BYTES_MAX}`);
  return cursor.take(length).toString('utf8');
};

/** A whole number of any length, the lowest byte first, with a sign. */
function long(bytes: Buffer): number | bigint {
  let value = 0n;
  for (const [i, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * i);
  const signed = BigInt.asIntN(8 * bytes.length, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

const steps: ReadonlyMap<number, Step> = new Map(
  Object.entries<Step>({
    '\x80': (_, c) => {
      if (c.u8() > 5) c.fail('the pickle is of a protocol after 5');
    },
    '\x95': (_, c) => void c.u64(),
    '(': (m) => m.mark(),
    '}': (m) => m.push(new Map()),
    ']': (m) => m.push([]),
    ')': (m) => m.push([]),
    t: (m) => m.push(m.aboveMark()),
    '\x85': (m) => m.push([m.pop()]),
    '\x86': (m) => m.push([m.pop(), m.pop()].reverse()),
    '\x87': (m) => m.push([m.pop(), m.pop(), m.pop()].reverse()),
    N: (m) => m.push(null),
    '\x88': (m) => m.push(true),
    '\x89': (m) => m.push(false),
    J: (m, c) => m.push(c.i32()),
    K: (m, c) => m.push(c.u8()),
    M: (m, c) => m.push(c.u16()),
    '\x8a': (m, c) => m.push(long(c.take(c.u8()))),
    G: (m, c) => m.push(c.f64()),
    X: (m, c) => m.push(text(c, c.u32())),
    '\x8c': (m, c) => m.push(text(c, c.u8())),
    '\x8d': (m, c) => m.push(text(c, c.u64())),
    U: (m, c) => m.push(text(c, c.u8())),
    T: (m, c) => m.push(text(c, c.u32())),
    q: (m, c) => m.put(c.u8()),
    r: (m, c) => m.put(c.u32()),
    '\x94': (m) => m.memoize(),
    h: (m, c) => m.get(c.u8()),
    j: (m, c) => m.get(c.u32()),
    c: (m, c) => m.global(c.line(), c.line()),
    '\x93': (m) => {
      const name = m.pop();
      m.global(m.pop(), name);
    },
    R: (m) => m.reduce(),
    b: (m) => m.build(),
    Q: (m) => m.persistent(),
    s: (m) => m.set([m.pop(), m.pop()].reverse()),
    u: (m) => m.set(m.aboveMark()),
    a: (m) => m.append([m.pop()]),
    e: (m) => m.append(m.aboveMark()),
  }).map(([letter, step]) => [letter.charCodeAt(0), step]),
);
