import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';
import { detectDelimiter, looksLikeHeader } from './csv-dialect.ts';
import { type CsvRecord, recordBytesMax, recordFields, scanRecord } from './csv-record.ts';

export type CleanCsv = Layout & {
  rows: number;
  /** Some quoted value holds a line end. */
  multiline: boolean;
};

type Layout = { delimiter: number; header: string[] | undefined; width: number };

const sampleBytes = 256 * 1024;
const writeBytes = 4 * 1024 ** 2;

/**
 * Copies a CSV and leaves out every record that is not whole: so that the reader behind it sees
 * one kind of line end, the same number of fields in each record, valid UTF-8, and no surprise.
 * One bad line costs one row, with its line number and the reason.
 */
export async function cleanCsv(
  source: AsyncIterable<Buffer>,
  target: string,
  label: string,
  rejections: Rejections,
  signal?: AbortSignal,
): Promise<CleanCsv> {
  const file = await open(target, 'w');
  try {
    const cleaner = new CsvCleaner(file, label, rejections);
    for await (const chunk of source) {
      signal?.throwIfAborted();
      await cleaner.push(chunk);
    }
    return await cleaner.end();
  } finally {
    await file.close();
  }
}

class CsvCleaner {
  readonly #file: FileHandle;
  readonly #label: string;
  readonly #rejections: Rejections;
  #held: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  #outBytes = 0;
  #line = 1;
  #rows = 0;
  #multiline = false;
  #layout: Layout | undefined;

  constructor(file: FileHandle, label: string, rejections: Rejections) {
    this.#file = file;
    this.#label = label;
    this.#rejections = rejections;
  }

  async push(chunk: Buffer): Promise<void> {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#layout === undefined && this.#held.length < sampleBytes) return;
    await this.#take(false);
  }

  async end(): Promise<CleanCsv> {
    await this.#take(true);
    await this.#flush();
    if (this.#layout === undefined) throw badData(`${this.#label} holds no rows.`);
    return { ...this.#layout, rows: this.#rows, multiline: this.#multiline };
  }

  async #take(isLast: boolean): Promise<void> {
    const bytes = this.#held;
    this.#layout ??= this.#readLayout(bytes, isLast);
    if (this.#layout === undefined) return;
    const { delimiter, width } = this.#layout;
    let at = 0;
    // Runs of good records are written as one slice: most files are one run a chunk.
    let runStart = 0;
    while (at < bytes.length) {
      const record = scanRecord(bytes, at, bytes.length, delimiter, isLast);
      if (record.end === undefined) break;
      const isHeader = this.#line === 1 && this.#layout.header !== undefined;
      const reason = this.#reasonAgainst(record, bytes, at, width);
      const plainEnd = record.end === record.contentEnd + 1 && bytes[record.contentEnd] === 0x0a;
      const keep = !isHeader && !record.blank && reason === undefined;
      if (keep) this.#rows += 1;
      if (keep && record.lines > 1) this.#multiline = true;
      if (!keep || record.looseQuote || !plainEnd) {
        await this.#write(bytes.subarray(runStart, at));
        if (keep) await this.#write(this.#rewritten(bytes.subarray(at, record.contentEnd), record));
        runStart = record.end;
      }
      if (reason !== undefined && !isHeader) {
        const shown = bytes.toString('utf8', at, Math.min(record.contentEnd, at + 200));
        this.#rejections.add(`${this.#label}, line ${this.#line}`, reason, shown);
      }
      this.#line += record.lines;
      at = record.end;
    }
    await this.#write(bytes.subarray(runStart, at));
    this.#held = bytes.subarray(at);
  }

  #reasonAgainst(
    record: CsvRecord,
    bytes: Buffer,
    start: number,
    width: number,
  ): string | undefined {
    if (record.problem === 'quote-unclosed') return 'A quoted value is not closed';
    if (record.problem === 'quote-trailing') return 'Text follows the closing quote of a value';
    const isLong = record.contentEnd - start > recordBytesMax;
    if (record.problem === 'too-long' || isLong) return 'The row is longer than 1 MiB';
    if (record.blank) return undefined;
    if (record.fields !== width) {
      return `The row does not have the ${width} values of the first row`;
    }
    const end = record.contentEnd;
    return isUtf8(bytes.subarray(start, end)) ? undefined : 'The row is not valid UTF-8';
  }

  #rewritten(content: Buffer, record: CsvRecord): Buffer {
    if (!record.looseQuote) return Buffer.concat([content, Buffer.from('\n')]);
    const { delimiter } = this.#layout ?? { delimiter: 0x2c };
    const fields = recordFields(content, delimiter);
    const quoted = fields.map((field) => `"${field.replaceAll('"', '""')}"`);
    return Buffer.from(`${quoted.join(String.fromCharCode(delimiter))}\n`);
  }

  #readLayout(sample: Buffer, isWhole: boolean): Layout | undefined {
    if (sample.length === 0) return undefined;
    const delimiter = detectDelimiter(sample, isWhole);
    const records: string[][] = [];
    let line = 1;
    for (let at = 0; at < sample.length && records.length < 2; ) {
      const record = scanRecord(sample, at, sample.length, delimiter, isWhole);
      const contentEnd = record.end === undefined ? sample.length : record.contentEnd;
      const isLong = contentEnd - at > recordBytesMax;
      if (isLong && records.length === 0) {
        throw badData(this.#endlessLine(line, sample.subarray(at)));
      }
      if (record.end === undefined) break;
      if (!record.blank && record.problem === undefined && !isLong) {
        records.push(recordFields(sample.subarray(at, record.contentEnd), delimiter));
      } else if (records.length === 0 && record.problem !== undefined) {
        const why =
          record.problem === 'quote-trailing'
            ? 'text follows the closing quote of a value'
            : 'a quoted value is not closed';
        throw badData(`The first line of ${this.#label} is broken: ${why}.`);
      }
      line += record.lines;
      at = record.end;
    }
    const [first, second] = records;
    if (first === undefined) return undefined;
    const header = looksLikeHeader(first, second) ? first : undefined;
    return { delimiter, header, width: first.length };
  }

  /** A table whose rows are not on lines of their own is one line without an end. */
  #endlessLine(line: number, bytes: Buffer): string {
    const start = JSON.stringify(bytes.toString('utf8', 0, 60)).slice(1, -1);
    return (
      `Line ${line} of ${this.#label}, which begins with "${start}", is longer than 1 MiB, ` +
      'the most that a row may have. A table needs each row on a line of its own.'
    );
  }

  async #write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (this.#outBytes >= writeBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    for (const bytes of this.#out) await this.#file.write(bytes);
    this.#out = [];
    this.#outBytes = 0;
  }
}
