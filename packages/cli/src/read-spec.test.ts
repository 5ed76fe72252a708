import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseOrThrow, trainSpec } from '@vanda/contracts';
import { expect, test } from 'vitest';
import { parseSpec, readSpec } from './read-spec.ts';

const examples = join(import.meta.dirname, '../../../examples');
const specs = readdirSync(examples).filter((name) => name.endsWith('.yaml'));

test.each(specs)('the example %s is a job spec', async (name) => {
  const spec = parseOrThrow(trainSpec, await readSpec(join(examples, name)), 'invalid-spec');
  expect(`${spec.name}.yaml`).toBe(name);
});

test('reads JSON as well', () => {
  expect(parseSpec('{"name": "x", "training": {"epochs": 3}}', 'x.json')).toEqual({
    name: 'x',
    training: { epochs: 3 },
  });
});

test.each([
  ['training: { optimizer: { learningRate: .nan } }', '/training/optimizer/learningRate', 'NaN'],
  ['training: { l2: -.inf }', '/training/l2', '-Infinity'],
  ['{"training": {"l2": 1e999}}', '/training/l2', 'Infinity'],
  ['a/b~c: [1, .Inf]', '/a~1b~0c/1', 'Infinity'],
])('refuses %s with its place', (text, pointer, number) => {
  const message = `Must be a finite number, not ${number}.`;
  expect(() => parseSpec(text, 'x.yaml')).toThrow(
    expect.objectContaining({
      code: 'invalid-spec',
      message: `${pointer}: ${message}`,
      errors: [{ pointer, message }],
    }),
  );
});

test.each([
  ['', 'holds no job spec'],
  ['- a', 'holds no job spec'],
  ['name: [', 'is neither YAML nor JSON'],
  ['name: a\nname: b', 'is neither YAML nor JSON'],
  ['\u0000\u0001', 'x.yaml'],
  ['name: a\nmodel: &m { kind: *m }', 'within its own anchor'],
  ['name: a\n---\nname: b', 'more than one document'],
])('refuses %j', (text, sentence) => {
  expect(() => parseSpec(text, 'x.yaml')).toThrow(sentence);
});
