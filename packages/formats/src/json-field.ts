import { FormatError } from './format-error.ts';

/** Sizes of axes, strides and the like: far beyond any network, far below where products stop being exact. */
const WHOLE_MAX = 2 ** 31 - 1;
const ITEMS_MAX = 1_000_000;

/** A value in somebody else's JSON, and where it lies: each read says what it wants and checks what it finds. */
export class JsonField {
  readonly format: string;
  readonly path: string;
  readonly value: unknown;

  constructor(format: string, path: string, value: unknown) {
    this.format = format;
    this.path = path;
    this.value = value;
  }

  /** undefined and null are both what is left out. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  fail(sentence: string): never {
    throw new FormatError(this.format, this.path === '' ? 'file' : this.path, sentence);
  }

  /** A member, which may be absent. Members that an object inherits are none. */
  get(name: string): JsonField {
    const members = this.object();
    const value = Object.hasOwn(members, name) ? members[name] : undefined;
    return this.#below(this.path === '' ? name : `${this.path}.${name}`, value);
  }

  object(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      this.#want('an object');
    return this.value as Record<string, unknown>;
  }

  get isList(): boolean {
    return Array.isArray(this.value);
  }

  list(): JsonField[] {
    if (!Array.isArray(this.value)) this.#want('a list');
    const items = this.value as unknown[];
    if (items.length > ITEMS_MAX) this.fail(`has ${items.length} items, at most ${ITEMS_MAX} fit`);
    return items.map((item, i) => this.#below(`${this.path}[${i}]`, item));
  }

  text(fallback?: string): string {
    if (this.absent && fallback !== undefined) return fallback;
    if (typeof this.value !== 'string') this.#want('a text');
    return this.value as string;
  }

  /** One of a closed list of texts. */
  choice<T extends string>(choices: readonly T[], fallback?: T): T {
    const text = this.text(fallback);
    const found = choices.find((choice) => choice === text);
    return found ?? this.fail(`is '${text.slice(0, 100)}'; known are ${choices.join(', ')}`);
  }

  number(fallback?: number): number {
    if (this.absent && fallback !== undefined) return fallback;
    if (typeof this.value !== 'number' || !Number.isFinite(this.value)) this.#want('a number');
    return this.value as number;
  }

  whole(least: number, fallback?: number, most = WHOLE_MAX): number {
    const value = this.number(fallback);
    if (!Number.isInteger(value) || value < least || value > most)
      this.fail(`is ${value}; it must be a whole number from ${least} to ${most}`);
    return value;
  }

  flag(fallback?: boolean): boolean {
    if (this.absent && fallback !== undefined) return fallback;
    if (typeof this.value !== 'boolean') this.#want('true or false');
    return this.value as boolean;
  }

  /** A list of whole numbers; with `length`, of that many, or one number that stands for all of them. */
  wholes(least: number, options: { length?: number; fallback?: readonly number[] } = {}): number[] {
    const { length, fallback } = options;
    if (this.absent && fallback) return [...fallback];
    if (length !== undefined && typeof this.value === 'number')
      return new Array<number>(length).fill(this.whole(least));
    const numbers = this.list().map((item) => item.whole(least));
    if (length !== undefined && numbers.length !== length)
      this.fail(`has ${numbers.length} numbers; it must have ${length}`);
    return numbers;
  }

  /** Refuses what would change the meaning of the rest. */
  mustBe(...allowed: readonly (string | number | boolean | null | undefined)[]): void {
    const value = this.value ?? undefined;
    if (allowed.some((one) => (one ?? undefined) === value)) return;
    const choices = allowed.filter((one) => one !== undefined && one !== null).join(' or ');
    this.fail(
      `is ${shown(this.value)}; ${choices === '' ? 'it must be left out' : `only ${choices} can be taken`}`,
    );
  }

  #below(path: string, value: unknown): JsonField {
    return new JsonField(this.format, path, value);
  }

  #want(what: string): never {
    this.fail(`is ${shown(this.value)}; it must be ${what}`);
  }
}

/** A value in a sentence: never more than a few words of it. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'left out';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? `the text '${value.slice(0, 60)}'` : String(value);
}
