import { FormatError } from '../format-error.ts';

export const FORMAT = 'PyTorch';
const LINE_MAX = 1000;

/** Reads a file's bytes one after the other; nothing behind the end is ever read. */
export class ByteCursor {
  readonly bytes: Buffer;
  offset: number;
  #copied = 0;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get left(): number {
    return this.bytes.byteLength - this.offset;
  }

  fail(sentence: string): never {
    throw new FormatError(FORMAT, `byte ${this.offset}`, sentence);
  }

  /** Counts values that are copied. A file has at least a byte for each, unless it copies the same ones over and over. */
  charge(values: number): void {
    this.#copied += values;
    if (this.#copied > this.bytes.byteLength) this.fail('the pickle copies one list many times');
  }

  /** A view of the next bytes, no copy. */
  take(length: number): Buffer {
    if (length > this.left) this.fail(`${length} bytes are announced, ${this.left} are left`);
    const view = this.bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return view;
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16LE();
  }

  i32(): number {
    return this.take(4).readInt32LE();
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  /** 64 bits that must be a number which is exact in double precision. */
  u64(): number {
    const value = this.take(8).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`${value} is no size`);
    return Number(value);
  }

  f64(): number {
    return this.take(8).readDoubleBE();
  }

  /** Up to the next line feed. */
  line(): string {
    const length = this.bytes.indexOf(10, this.offset) - this.offset;
    if (length < 0 || length > LINE_MAX) this.fail('a line does not end');
    return this.take(length + 1).toString('utf8', 0, length);
  }
}
