import type { Readable } from 'node:stream';
import {
  decodeTestItemsHead,
  type TestItemsHead,
  testItemBytes,
  testItemField,
  testItemsStart,
  testItemWidth,
} from '@vanda/contracts';
import type { ObjectStore } from '@vanda/objects';

/** One file of test items, read in a stream: a chunk of records at a time is in memory. */
export class ItemCursor {
  readonly head: TestItemsHead;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #stream: Readable;
  #rest: Buffer;
  #values: Float64Array = new Float64Array(0);
  #at = 0;

  private constructor(
    head: TestItemsHead,
    stream: Readable,
    chunks: AsyncIterator<Buffer>,
    rest: Buffer,
  ) {
    this.head = head;
    this.#stream = stream;
    this.#chunks = chunks;
    this.#rest = rest;
  }

  static async open(objects: ObjectStore, key: string): Promise<ItemCursor> {
    const { stream } = await objects.get(key);
    const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const held: Buffer[] = [];
    let bytes = 0;
    const until = async (wanted: number) => {
      while (bytes < wanted) {
        const next = await chunks.next();
        if (next.done) throw new Error(`${key} ends within its head.`);
        held.push(next.value);
        bytes += next.value.length;
      }
      const whole = Buffer.concat(held);
      held.splice(0, held.length, whole);
      return whole;
    };
    try {
      const start = testItemsStart(await until(8));
      const whole = await until(start);
      const head = decodeTestItemsHead(whole.subarray(0, start));
      return new ItemCursor(head, stream, chunks, whole.subarray(start));
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** Makes sure that there is a record to look at; false at the end. */
  async filled(): Promise<boolean> {
    while (this.#at >= this.#values.length) {
      const whole = this.#rest.length - (this.#rest.length % testItemBytes);
      if (whole > 0) {
        this.#values = doubles(this.#rest.subarray(0, whole));
        this.#rest = this.#rest.subarray(whole);
        this.#at = 0;
        return true;
      }
      const next = await this.#chunks.next();
      if (next.done) return false;
      this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    }
    return true;
  }

  /** Whether the next record can be had without waiting. */
  get ready(): boolean {
    return this.#at < this.#values.length;
  }

  value(field: keyof typeof testItemField): number {
    return this.#values[this.#at + testItemField[field]] ?? Number.NaN;
  }

  next(): void {
    this.#at += testItemWidth;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** A copy, since a chunk's bytes lie at any offset. */
function doubles(bytes: Buffer): Float64Array {
  const values = new Float64Array(bytes.length / 8);
  for (let at = 0; at < values.length; at++) values[at] = bytes.readDoubleLE(at * 8);
  return values;
}
