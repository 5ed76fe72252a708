import { expect, test } from 'vitest';
import { parseTfsJson, stringifyTfsJson } from './tfs-json.ts';

test('reads the numbers that JSON does not have', () => {
  expect(parseTfsJson('[NaN, -Infinity,Infinity,1]')).toEqual([Number.NaN, -Infinity, Infinity, 1]);
});

test('leaves strings alone, whatever they hold', () => {
  const text = '{"NaN":"NaN \\" Infinity \\\\","x":NaN}';
  expect(parseTfsJson(text)).toEqual({ NaN: 'NaN " Infinity \\', x: Number.NaN });
});

test.each(['', '{', '[1,]', '{"a":nan}', '"NaN', '[NaN', 'Infinityx'])('refuses %j', (text) => {
  expect(() => parseTfsJson(text)).toThrow(SyntaxError);
});

test('writes the tokens again', () => {
  const value = { predictions: [Number.NaN, -Infinity, 1.5, 'NaN'] };
  expect(stringifyTfsJson(value)).toBe('{"predictions":[NaN,-Infinity,1.5,"NaN"]}');
});
