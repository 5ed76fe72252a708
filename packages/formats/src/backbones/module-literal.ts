import { FormatError } from '../format-error.ts';

const FORMAT = 'JavaScript module';
const DEPTH_MAX = 100;
const CHARACTERS_MAX = 64 * 2 ** 20;

/**
 * The one value that a minified CommonJS module exports, where that is a literal of objects, lists, texts, numbers and
 * flags. The module is read and never run; anything that would have to be run is refused.
 */
export function readModuleLiteral(text: string): unknown {
  if (text.length > CHARACTERS_MAX) throw new FormatError(FORMAT, 'file', 'has over 64 MiB');
  const begin = /\b[\w$]+\.exports=(?=[{["'])/.exec(text);
  if (!begin) throw new FormatError(FORMAT, 'file', 'exports no literal');
  const reader = new LiteralReader(text, begin.index + begin[0].length);
  const value = reader.value(0);
  if (!/^\s*[;}]/.test(text.slice(reader.position, reader.position + 20)))
    reader.fail('the exported literal does not end here');
  return value;
}

class LiteralReader {
  position: number;
  readonly #text: string;

  constructor(text: string, position: number) {
    this.#text = text;
    this.position = position;
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) this.fail(`lies over ${DEPTH_MAX} deep`);
    const first = this.#text[this.position] ?? '';
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#list(depth);
    if (first === '"' || first === "'") return this.#string();
    const number = this.#take(/-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:e[+-]?\d+)?(?![\w$.])/y);
    if (number !== undefined && /\d/.test(number)) return Number(number);
    const word = this.#take(/!0|!1|true|false|null|void 0/y);
    if (word === undefined)
      this.fail(`'${this.#text.slice(this.position, this.position + 20)}' is no literal`);
    return { '!0': true, '!1': false, true: true, false: false }[word as string] ?? null;
  }

  fail(sentence: string): never {
    throw new FormatError(FORMAT, `character ${this.position}`, sentence);
  }

  #object(depth: number): Record<string, unknown> {
    const members: Record<string, unknown> = Object.create(null);
    this.#each('}', () => {
      const quoted = this.#text[this.position] === '"' || this.#text[this.position] === "'";
      const name = quoted ? this.#string() : this.#take(/[A-Za-z_$][\w$]*/y);
      if (name === undefined || this.#take(/:/y) === undefined) this.fail('must be NAME:VALUE');
      members[name as string] = this.value(depth + 1);
    });
    return members;
  }

  #list(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#each(']', () => items.push(this.value(depth + 1)));
    return items;
  }

  #each(end: string, read: () => void): void {
    this.position += 1;
    if (this.#text[this.position] !== end) {
      do read();
      while (this.#take(/,/y) !== undefined);
    }
    if (this.#text[this.position] !== end) this.fail(`must be , or ${end}`);
    this.position += 1;
  }

  /** Texts of a minified module escape what JSON escapes, beside the apostrophe. */
  #string(): string {
    const quote = this.#text[this.position] as string;
    let end = this.position + 1;
    while (end < this.#text.length && this.#text[end] !== quote)
      end += this.#text[end] === '\\' ? 2 : 1;
    const inner = this.#text.slice(this.position + 1, end);
    if (end >= this.#text.length) this.fail('the text does not end');
    const json = inner.includes('\\') || inner.includes('"') ? asJson(inner) : undefined;
    try {
      const value = json === undefined ? inner : (JSON.parse(json) as string);
      this.position = end + 1;
      return value;
    } catch {
      return this.fail('the text has an escape that JSON does not have');
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.position += found.length;
    return found;
  }
}

function asJson(inner: string): string {
  const escaped = inner
    .replaceAll("\\'", "'")
    .replace(/\\[\s\S]|"/g, (at) => (at === '"' ? '\\"' : at));
  return `"${escaped}"`;
}
