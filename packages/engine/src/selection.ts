import { EngineError } from './engine-error.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';

/** Names of variables: a glob, in which * stands for any characters and ? for one, or a regular expression. */
export type NamePattern = string | RegExp;

/** Which variables are trained: of all trainable ones those that match `include` and do not match `exclude`. */
export interface Selection {
  readonly include?: NamePattern | readonly NamePattern[];
  readonly exclude?: NamePattern | readonly NamePattern[];
}

/** Throws unknown_name for a pattern that matches no variable: a misspelt name would else freeze or train the wrong ones. */
export function selectVariables(graph: Graph, of: readonly Node[] | Selection): readonly Node[] {
  if (isList(of)) return of;
  const all = graph.variables.filter((info) => info.trainable);
  const tests = (given: Selection['include']) =>
    (given === undefined ? [] : isList(given) ? given : [given]).map((pattern) => {
      const test = nameTest(pattern);
      if (!all.some((info) => test(info.name)))
        throw new EngineError('unknown_name', String(pattern), 'no trainable variable is so named');
      return test;
    });
  const include = tests(of.include);
  const exclude = tests(of.exclude);
  return all
    .filter(({ name }) => include.length === 0 || include.some((test) => test(name)))
    .filter(({ name }) => !exclude.some((test) => test(name)))
    .map((info) => info.node);
}

/** Whether a name is one that the pattern means. */
export function nameTest(pattern: NamePattern): (name: string) => boolean {
  const expression = typeof pattern === 'string' ? globExpression(pattern) : pattern;
  return (name) => {
    expression.lastIndex = 0;
    return expression.test(name);
  };
}

function isList<T>(value: T | readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

function globExpression(glob: string): RegExp {
  const source = [...glob].map((char) =>
    char === '*' ? '.*' : char === '?' ? '.' : char.replace(/[\\^$.|+()[\]{}/-]/, '\\$&'),
  );
  return new RegExp(`^${source.join('')}$`, 's');
}
