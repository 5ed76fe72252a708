import { readFile } from 'node:fs/promises';
import { VandaError } from '@vanda/contracts';

/**
 * The instances that INPUT stands for: a JSON instance, a JSON array of instances, `@file.json` with either (or with
 * a whole request body), or `@picture.png`.
 */
export async function readInstances(input: string): Promise<unknown[]> {
  if (!input.startsWith('@')) return toInstances(parse(input, 'INPUT'));
  const file = input.slice(1);
  const bytes = await readFile(file);
  if (bytes.length === 0) throw invalid(`${file} is empty.`);
  const first = bytes.toString('latin1', 0, 64).trimStart()[0] ?? '';
  const isJson = /\.json$/i.test(file) || '{['.includes(first);
  return isJson
    ? toInstances(parse(bytes.toString('utf8'), file))
    : [{ b64: bytes.toString('base64') }];
}

function toInstances(value: unknown): unknown[] {
  const body = value as { instances?: unknown };
  const isBody =
    typeof value === 'object' && value !== null && Object.keys(value).join() === 'instances';
  if (isBody && Array.isArray(body.instances)) return body.instances;
  if (!Array.isArray(value) || isPicture(value)) return [value];
  if (value.length === 0) throw invalid('INPUT holds no instance.');
  return value;
}

/** Nested lists of numbers: rows x columns, or rows x columns x channels, are one picture and not a list of them. */
function isPicture(value: unknown[]): boolean {
  const lengths: number[] = [];
  let at: unknown = value;
  for (; Array.isArray(at); at = at[0]) lengths.push(at.length);
  if (typeof at !== 'number') return false;
  const channels = lengths[2] === 1 || lengths[2] === 3;
  return lengths.length === 2 || (lengths.length === 3 && channels);
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = name === 'INPUT' ? ' A file is written @file.json or @picture.png.' : '';
    throw invalid(`${name} is not JSON: ${(error as Error).message}.${hint}`);
  }
}

function invalid(sentence: string): VandaError {
  return new VandaError('invalid-request', sentence);
}
