import type { z } from 'zod';
import { type ErrorCode, type FieldError, VandaError } from './errors.ts';

type Issue = z.core.$ZodIssue;

/** Zod's issues as JSON pointers with sentences that name the allowed values. */
export function fieldErrors(issues: readonly Issue[], prefix = ''): FieldError[] {
  return issues.flatMap((issue) => {
    const pointer = prefix + issue.path.map((part) => `/${escapePointer(String(part))}`).join('');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: `${pointer}/${escapePointer(key)}`,
        message: `There is no field "${shorten(key)}" here.`,
      }));
    }
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const closest = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
      return fieldErrors(closest, pointer);
    }
    return [{ pointer, message: sentence(issue) }];
  });
}

/** Parses or throws a VandaError whose sentence names the first field that is wrong. */
export function parseOrThrow<T extends z.ZodType>(
  schema: T,
  value: unknown,
  code: ErrorCode = 'invalid-request',
  prefix = '',
): z.output<T> {
  // With the input in the issues, a value of another type is told apart from one that is missing.
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues, prefix);
  const first = errors[0];
  const where = first?.pointer ? `${first.pointer}: ` : '';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw new VandaError(code, `${where}${first?.message ?? 'Not valid.'}${more}`, errors);
}

function sentence(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `Must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}.`;
    case 'invalid_type':
      return issue.input === undefined
        ? `Is missing; must be ${article(issue.expected)}.`
        : `Must be ${article(issue.expected)}.`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `Must have at least ${issue.minimum} ${issue.origin === 'string' ? 'characters' : 'entries'}.`
        : `Must be ${issue.inclusive ? 'at least' : 'greater than'} ${issue.minimum}.`;
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `Must have at most ${issue.maximum} ${issue.origin === 'string' ? 'characters' : 'entries'}.`
        : `Must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}.`;
    default:
      return issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
  }
}

function article(expected: string): string {
  if (expected === 'int') return 'a whole number';
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function escapePointer(part: string): string {
  return shorten(part).replaceAll('~', '~0').replaceAll('/', '~1');
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
