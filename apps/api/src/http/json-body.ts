import { VandaError } from '@vanda/contracts';
import type { FastifyInstance } from 'fastify';

const depthMax = 64;

/**
 * JSON only, without keys that would change prototypes, without nesting that would overflow a stack, and without
 * characters that Postgres cannot keep. An empty body is no body, whatever its header says.
 */
export function parseJsonBodies(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', 'application/problem+json'],
    { parseAs: 'string' },
    (request, body, done) => {
      const text = body as string;
      if (text.length === 0) return done(null, undefined);
      if (deeperThan(text, depthMax)) {
        return done(
          new VandaError('invalid-request', `The JSON is nested deeper than ${depthMax} levels.`),
        );
      }
      const doubtful = /\\u(0000|d[89a-f])/i.test(text);
      parse(request, text, (error, value) => {
        if (error || !doubtful) return done(error, value);
        const pointer = unstorable(value, '');
        if (pointer === null) return done(null, value);
        done(unstorableError(pointer));
      });
    },
  );
}

/** Path and query, decoded: Postgres keeps no text with a NUL in it. */
export function refuseNul(part: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(part)) {
    if (typeof value === 'string' && value.includes('\0')) throw unstorableError(`/${name}`);
  }
}

function unstorableError(pointer: string): VandaError {
  const message = 'Must not contain the NUL character or half of a surrogate pair.';
  return new VandaError('invalid-request', `${pointer}: ${message}`, [{ pointer, message }]);
}

/** Where in a value there is a text (or a key) that is no valid Unicode or has a NUL in it. */
function unstorable(value: unknown, pointer: string): string | null {
  if (typeof value === 'string') return storable(value) ? null : pointer;
  if (value === null || typeof value !== 'object') return null;
  for (const [key, part] of Object.entries(value)) {
    const inside = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!storable(key)) return pointer;
    const found = unstorable(part, inside);
    if (found !== null) return found;
  }
  return null;
}

function storable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Counts brackets outside of texts, since parsing itself would already go as deep as the input says. */
function deeperThan(text: string, max: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) quoted = !quoted;
    else if (quoted) at += code === 0x5c ? 1 : 0;
    else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth -= 1;
    if (depth > max) return true;
  }
  return false;
}
