import { createContext, use } from 'react';
import { type LineError, type Path, valueAt } from './draft-text.ts';

export interface DraftView {
  spec: Record<string, unknown> | null;
  /** The spec as the server would complete it; null until it has answered. */
  completed: Record<string, unknown> | null;
  errors: LineError[];
  set: (path: Path, value: unknown) => void;
}

export const DraftContext = createContext<DraftView | null>(null);

export function useDraft(): DraftView {
  const draft = use(DraftContext);
  if (draft === null) throw new Error('A field of the spec stands outside the form.');
  return draft;
}

/** One field of the spec: what is written, what it would be by default, and what is wrong with it. */
export function useField(path: Path) {
  const { spec, completed, errors, set } = useDraft();
  const pointer = `/${path.join('/')}`;
  return {
    value: valueAt(spec, path),
    usual: valueAt(completed, path),
    error: errors.find((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`))
      ?.message,
    disabled: spec === null,
    set: (value: unknown) => set(path, value),
  };
}
