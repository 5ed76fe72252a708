import { readFileSync } from 'node:fs';
import { env } from 'node:process';
import { expect, test } from 'vitest';
import { FormatError } from '../format-error.ts';
import { goldenNames, goldenPath } from './golden.fixture.ts';
import { importOnnx } from './import-onnx.ts';
import { modelType } from './schema.ts';

/** More rounds for a longer look: VANDA_FUZZ_ROUNDS=100000. */
const rounds = Number(env.VANDA_FUZZ_ROUNDS ?? 400);

/** Numbers that stand for a whole file's worth of trouble. */
const troubles = [0, 1, -1, 2, 3, 127, -128, 255, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, -(2 ** 53)];

type Random = () => number;

function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** A few bytes are others. */
function changedBytes(random: Random, file: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(file);
  for (let edits = Math.ceil(random() * 4); edits > 0; edits -= 1) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return bytes;
}

/** The message stays whole, but some field of it has another value of its kind, or one of another place. */
function changedFields(random: Random, file: Uint8Array): Uint8Array {
  const model: unknown = modelType.toObject(modelType.decode(file), { longs: Number });
  const names: string[] = [];
  const slots: { owner: Record<string | number, unknown>; key: string | number }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    for (const [key, inner] of Object.entries(value)) {
      slots.push({ owner: value as Record<string, unknown>, key });
      if (typeof inner === 'string') names.push(inner);
      visit(inner);
    }
  };
  visit(model);
  for (let edits = Math.ceil(random() * 3); edits > 0; edits -= 1) {
    const { owner, key } = pick(random, slots);
    const value = owner[key];
    if (typeof value === 'number') owner[key] = pick(random, troubles);
    else if (typeof value === 'string') owner[key] = pick(random, names);
    else if (value instanceof Uint8Array) owner[key] = value.slice(0, Math.floor(random() * 9));
    else if (Array.isArray(value))
      owner[key] = random() < 0.5 ? value.slice(1) : [...value, ...value];
  }
  return modelType.encode(modelType.fromObject(model as object)).finish();
}

test.for([
  ['bytes', changedBytes],
  ['fields', changedFields],
] as const)(
  'a file with changed %s is read or refused with its field',
  { timeout: 3_600_000 },
  async ([, change]) => {
    const files = goldenNames().map((name) => readFileSync(goldenPath(`${name}.onnx`)));
    let refused = 0;
    for (let seed = 1; seed <= rounds; seed += 1) {
      const random = randomFrom(seed * 7919);
      const bytes = change(random, pick(random, files));
      const error: unknown = await importOnnx(bytes).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      refused += 1;
      expect(error, `seed ${seed}`).toBeInstanceOf(FormatError);
      expect((error as FormatError).field.length, `seed ${seed}`).toBeGreaterThan(0);
    }
    expect(refused).toBeGreaterThan(rounds / 10);
  },
);
