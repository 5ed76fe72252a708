import { expect, test } from 'vitest';
import { readModuleLiteral } from './module-literal.ts';

const wrapped = (literal: string) =>
  `!function(e){e.m={exports:{}}}(function(){return{1:[function(e,t,n){n.exports=${literal}},{}]}});`;

test('a literal is read as JavaScript would make it', () => {
  const literal = `{a:.5,b:[1,-2e-7,!0,!1,null,void 0],"c d":'it\\'s "so"',e:"\\u00e9\\n'",f:{},g:[],h:0}`;
  expect(readModuleLiteral(wrapped(literal))).toEqual({
    a: 0.5,
    b: [1, -2e-7, true, false, null, null],
    'c d': `it's "so"`,
    e: "é\n'",
    f: {},
    g: [],
    h: 0,
  });
  expect(readModuleLiteral(wrapped('"YWJj"'))).toBe('YWJj');
});

test.each([
  ['a call', '{a:process.exit(1)}', /character \d+: 'process/],
  ['a sum', '{a:1+1}', /must be , or }/],
  ['a function', '{a:function(){}}', /no literal/],
  ['a text without end', '"abc', /does not end/],
  ['an escape of JavaScript alone', '"\\x41"', /escape/],
  ['no literal at all', 'x', /exports no literal/],
  ['depth without end', '['.repeat(1000), /deep/],
])('%s is not run', (_, literal, sentence) => {
  expect(() => readModuleLiteral(wrapped(literal))).toThrow(sentence);
});

test('a member called __proto__ is a member', () => {
  const value = readModuleLiteral(wrapped('{__proto__:{a:1}}')) as object;
  expect(Object.keys(value)).toEqual(['__proto__']);
  expect('a' in {}).toBe(false);
});
