import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export type IdPrefix =
  | 'prj'
  | 'key'
  | 'upl'
  | 'ds'
  | 'ing'
  | 'dsv'
  | 'job'
  | 'att'
  | 'ckp'
  | 'pvw'
  | 'mdl'
  | 'mdv'
  | 'exp'
  | 'imp'
  | 'ep'
  | 'wrk';

/** `<prefix>_` + 9 characters of time (milliseconds) + 13 random ones: sorts by creation, cannot be guessed. */
export function newId(prefix: IdPrefix, nowMs = Date.now()): string {
  let time = '';
  for (let rest = nowMs, digit = 0; digit < 9; digit++) {
    time = alphabet[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  const random = Array.from(randomBytes(13), (byte) => alphabet[byte % 32]).join('');
  return `${prefix}_${time}${random}`;
}
