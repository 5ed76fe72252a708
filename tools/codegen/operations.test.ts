import { operations } from '@vanda/engine';
import { expect, test } from 'vitest';
import { operationsPage, writtenPage } from './operations.ts';

test('docs/OPERATIONS.md is what the engine says of its operations', () => {
  expect(
    writtenPage(),
    'The page is stale: build the engine and run `node tools/codegen/operations.ts`.',
  ).toBe(operationsPage(operations()));
});

test('every operation has a sentence, its shapes, its dtypes and its kernel on the page', () => {
  for (const operation of operations()) {
    expect(operation.text, operation.name).toMatch(/\.$/);
    expect(operation.shapes, operation.name).not.toBe('');
    expect(operation.dtypes, operation.name).toMatch(/^(any|((f32|i32|i64|u8|bool)(, |$))+)$/);
    expect(operation.kernel, operation.name).toMatch(/^(own|oneDNN|view|composed|reference)/);
  }
});
