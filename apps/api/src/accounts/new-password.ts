import { randomInt } from 'node:crypto';

/** Without characters that are mistaken for one another. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Four groups of five that a person can type: 100 bits. */
export function newPassword(): string {
  const group = () =>
    Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}
