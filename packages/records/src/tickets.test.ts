import { expect, it } from 'vitest';
import { issueTicket, verifyTicket } from './tickets.ts';

const secret = 'a'.repeat(64);
const ticket = { projectId: 'prj_1', subject: 'endpoint/digits' } as const;

it('says who may call which endpoint, for a minute', () => {
  const token = issueTicket(secret, ticket, 1000);
  expect(verifyTicket(secret, token, 2000)).toEqual(ticket);
  expect(verifyTicket(secret, token, 61_001)).toBeNull();
});

it('refuses what was not signed with the secret', () => {
  const token = issueTicket(secret, ticket);
  expect(verifyTicket('b'.repeat(64), token)).toBeNull();
  expect(verifyTicket(secret, `${token}x`)).toBeNull();
  expect(verifyTicket(secret, token.replace('vti_', 'vti_e'))).toBeNull();
  for (const text of ['', 'vti_', 'vti_.', 'vnd_abc', `vti_${'x'.repeat(5000)}`]) {
    expect(verifyTicket(secret, text)).toBeNull();
  }
});
