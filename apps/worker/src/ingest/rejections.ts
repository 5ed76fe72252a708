import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Receipt } from '@vanda/contracts';

const reasonsMax = 100;
const examplesMax = 5;
const exampleCharsMax = 200;

/**
 * What was not taken, and why. Every rejection goes to a file as a JSON line, so that a million of
 * them cost no memory; the receipt keeps counts and a few examples for each reason.
 */
export class Rejections {
  count = 0;
  readonly path: string;
  readonly #file: WriteStream;
  readonly #reasons = new Map<string, { count: number; examples: string[] }>();
  readonly #warnings = new Set<string>();

  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path);
  }

  /** `reason` is the same for all items of its kind; `detail` says what it was with this one. */
  add(item: string, reason: string, detail?: string): void {
    this.addMany(1, item, reason, detail);
  }

  addMany(count: number, item: string, reason: string, detail?: string): void {
    this.count += count;
    const line = { item: shorten(item), reason, ...(detail && { detail: shorten(detail) }) };
    this.#file.write(`${JSON.stringify(count === 1 ? line : { ...line, count })}\n`);
    const known = this.#reasons.get(reason);
    const kind = known ?? { count: 0, examples: [] };
    kind.count += count;
    const example = detail === undefined ? shorten(item) : `${shorten(item)}: ${shorten(detail)}`;
    if (kind.examples.length < examplesMax) kind.examples.push(example);
    if (!known && this.#reasons.size < reasonsMax) this.#reasons.set(reason, kind);
  }

  /** Something that a person should know although nothing was rejected for it. */
  warn(sentence: string): void {
    if (this.#warnings.size < reasonsMax) this.#warnings.add(sentence);
  }

  receipt(accepted: number): Receipt {
    const reasons = [...this.#reasons].map(([reason, known]) => ({ reason, ...known }));
    reasons.sort((a, b) => b.count - a.count);
    return { accepted, rejected: this.count, reasons, warnings: [...this.#warnings] };
  }

  /** The most frequent reason as a sentence, for a push of which nothing is left. */
  mainReason(): string | undefined {
    const [first] = this.receipt(0).reasons;
    return first && `${first.reason} (${first.examples[0]})`;
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, 'close');
  }
}

function shorten(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ').toWellFormed();
  return clean.length <= exampleCharsMax ? clean : `${clean.slice(0, exampleCharsMax)}…`;
}
