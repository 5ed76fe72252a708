import { expect, test } from 'vitest';
import { draftOf, setInText, withLines } from './draft-text.ts';

const text = `# My flowers
name: flowers
task: image-classification
dataset: flowers@1
training:
  epochs: 5 # enough
`;

test('a field is set where it is, and comments stay', () => {
  expect(setInText(text, ['training', 'epochs'], 9)).toBe(text.replace('epochs: 5', 'epochs: 9'));
});

test('a field that is not there is added with its parents', () => {
  const set = setInText(text, ['model', 'input', 'size'], 32);
  expect(draftOf(set).spec).toMatchObject({ model: { input: { size: 32 } } });
});

test('a list is written in one line', () => {
  expect(setInText(text, ['model', 'hidden'], [64, 32])).toContain('hidden: [ 64, 32 ]');
});

test('taking out the last field of a parent takes the parent out', () => {
  expect(draftOf(setInText(text, ['training', 'epochs'], undefined)).spec).not.toHaveProperty(
    'training',
  );
});

test('what the contracts refuse is found at its line', () => {
  const { errors } = draftOf(text.replace('epochs: 5', 'epochs: 0'));
  expect(errors).toEqual([
    { pointer: '/training/epochs', message: 'Must be at least 1.', line: 6 },
  ]);
});

test('an unknown field is found at its own line', () => {
  expect(draftOf(`${text}  batch: 3\n`).errors).toMatchObject([
    { pointer: '/training/batch', line: 7 },
  ]);
});

test('what is missing is said without a line', () => {
  expect(draftOf('task: image-classification\ndataset: a').errors).toMatchObject([
    { pointer: '/name', line: null },
  ]);
});

test('pointers of the server lead into the same text', () => {
  expect(withLines(text, [{ pointer: '/spec/dataset', message: 'There is none.' }])).toEqual([
    { pointer: '/dataset', message: 'There is none.', line: 4 },
  ]);
});

test('broken YAML is one sentence with its line, and no spec', () => {
  const draft = draftOf('name: [a\ntask: b');
  expect(draft.spec).toBeNull();
  expect(draft.errors).toHaveLength(1);
  expect(draft.errors[0]?.line).toBeGreaterThan(0);
});
