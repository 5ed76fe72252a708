import { expect, it } from 'vitest';
import { errorCodes } from './errors.ts';
import type { Operation } from './operation.ts';
import { operations } from './operations.ts';

const all: Operation[] = Object.values(operations);

it('names each operation once, and each route once', () => {
  expect(new Set(all.map((one) => one.id)).size).toBe(all.length);
  expect(new Set(all.map((one) => `${one.method} ${one.path}`)).size).toBe(all.length);
});

it('declares every parameter of a path, and no other', () => {
  for (const one of all) {
    const inPath = [...one.path.matchAll(/:([a-zA-Z]+)/g)].map((match) => match[1]);
    expect(Object.keys(one.params?.shape ?? {}).sort(), one.id).toEqual(inPath.sort());
  }
});

it('honours Idempotency-Key on every create', () => {
  for (const one of all) {
    if (one.id.endsWith('.create')) expect(one.idempotent, one.id).toBe(true);
  }
});

it('gives every error code a status of the 4xx or 5xx range', () => {
  for (const [code, { status }] of Object.entries(errorCodes)) {
    expect(status, code).toBeGreaterThanOrEqual(400);
    expect(status, code).toBeLessThan(600);
  }
});
