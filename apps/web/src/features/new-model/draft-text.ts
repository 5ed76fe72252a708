import { type FieldError, fieldErrors, trainSpec } from '@vanda/contracts';
import { type Document, isCollection, isPair, LineCounter, parseDocument, stringify } from 'yaml';

export type Path = string[];

/** A spec as text; the form and the editor are two views of it. */
export interface Draft {
  text: string;
  /** What the text says; null while it is not YAML. */
  spec: Record<string, unknown> | null;
  /** What is wrong with it that can be known without the server. */
  errors: LineError[];
}

export interface LineError extends FieldError {
  /** From 1; null where no line says it. */
  line: number | null;
}

export function draftOf(text: string): Draft {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    // What follows the first mistake of a syntax is mostly its consequence.
    const errors = document.errors.slice(0, 1).map((error) => ({
      pointer: '',
      message: (error.message.split('\n')[0] ?? '').replace(/ at line .*$/, '.'),
      line: lines.linePos(error.pos[0]).line,
    }));
    return { text, spec: null, errors };
  }
  const value: unknown = document.toJS();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const message = 'Must be fields with values, like "name: flowers".';
    return { text, spec: null, errors: [{ pointer: '', message, line: 1 }] };
  }
  const parsed = trainSpec.safeParse(value, { reportInput: true });
  const errors = parsed.success ? [] : fieldErrors(parsed.error.issues);
  return { text, spec: value as Record<string, unknown>, errors: withLines(text, errors) };
}

/** Finds the line that each pointer points to, or the nearest one above it. */
export function withLines(text: string, errors: FieldError[]): LineError[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  return errors.map((error) => {
    const path = error.pointer
      .replace(/^\/spec(?=\/|$)/, '')
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const offset = offsetOf(document, path);
    const line = offset === null ? null : lines.linePos(offset).line;
    return { ...error, pointer: `/${path.join('/')}`, line };
  });
}

function offsetOf(document: Document, path: Path): number | null {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    if (!isCollection(parent)) continue;
    const item = parent.items.find(
      (one, index) =>
        (isPair(one)
          ? String((one.key as { value?: unknown })?.value ?? one.key)
          : String(index)) === path[depth - 1],
    );
    const node = (isPair(item) ? item.key : item) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range) return node.range[0];
  }
  return null;
}

/** Sets a field, or takes it out with undefined; comments and order of the text stay. */
export function setInText(text: string, path: Path, value: unknown): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) return text;
  if (value === undefined) {
    document.deleteIn(path);
    // A parent that has become empty says nothing any more.
    for (let depth = path.length - 1; depth > 0; depth -= 1) {
      const parent = document.getIn(path.slice(0, depth), true);
      if (isCollection(parent) && parent.items.length === 0)
        document.deleteIn(path.slice(0, depth));
    }
  } else {
    const node = Array.isArray(value) ? document.createNode(value, { flow: true }) : value;
    document.setIn(path, node);
  }
  return document.toString();
}

export function textOf(spec: Record<string, unknown>): string {
  return stringify(spec, { lineWidth: 100 });
}

export function valueAt(spec: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)[key]
        : undefined,
    spec,
  );
}
