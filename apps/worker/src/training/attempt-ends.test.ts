import { VandaError } from '@vanda/contracts';
import { ObjectStoreError } from '@vanda/objects';
import { expect, it } from 'vitest';
import { endByDeath, endByFailure, endBySurroundings, lastWord } from './attempt-ends.ts';

it('blames the user only for what a user can put right', () => {
  const said = { type: 'failed' as const, message: 'The loss is not a number.', full: false };
  expect(endByFailure({ ...said, code: 'diverged' })).toMatchObject({ kind: 'user' });
  expect(endByFailure({ ...said, code: null })).toMatchObject({ kind: 'crash', code: 'internal' });
  expect(endByFailure({ ...said, code: null, full: true })).toMatchObject({ kind: 'infra' });
});

it('tells a death for want of memory apart, and one before the training began', () => {
  const how = 'The training process was ended by SIGKILL.';
  expect(endByDeath({ how, outOfMemory: true }, true)).toEqual({
    kind: 'crash',
    code: 'out-of-memory',
    message: `${how} It needed more memory than there is.`,
  });
  expect(endByDeath({ how, outOfMemory: false }, true)).toMatchObject({ kind: 'crash' });
  expect(endByDeath({ how, outOfMemory: false }, false)).toMatchObject({ kind: 'infra' });
});

it('says what broke around the training', () => {
  const store = new ObjectStoreError('store-unavailable', 'no answer');
  expect(endBySurroundings(store)).toMatchObject({
    kind: 'infra',
    message: 'The object store failed: no answer',
  });
  const damaged = new VandaError('checksum-mismatch', 'The file is damaged.');
  expect(endBySurroundings(damaged)).toMatchObject({ code: 'checksum-mismatch' });
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(lastWord(endBySurroundings(full))).toEqual({
    level: 'error',
    text: "The worker's disk is full: make room on it. The job goes on from its last checkpoint.",
  });
  expect(lastWord({ kind: 'cancelled' })).toBeNull();
});
