import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { planJob, VandaError } from '@vanda/contracts';
import { useCallback, useMemo, useState } from 'react';
import { read } from '../../lib/queries.ts';
import type { DraftView } from './draft-context.ts';
import { draftOf, type Path, setInText, valueAt, withLines } from './draft-text.ts';

/** Objects of these fields are told apart by their kind, so it has to be written as soon as anything in them is. */
const kinded: Path[] = [['model'], ['training', 'optimizer'], ['training', 'schedule']];

/** The text of the spec, what the server makes of it, and what is wrong with it. */
export function useDraftState() {
  const [text, setText] = useState('');
  const draft = useMemo(() => draftOf(text), [text]);
  const [settled] = useDebouncedValue(draft, 300);
  const valid = settled.spec !== null && settled.errors.length === 0 && settled.text !== '';
  const plan = useQuery({
    ...read(planJob, { body: { spec: settled.spec ?? {} } }),
    enabled: valid,
    placeholderData: (before) => before,
    staleTime: 0,
  });
  const refused = valid && plan.error instanceof VandaError ? plan.error : null;
  const errors = useMemo(() => {
    if (draft.errors.length > 0 || refused === null || settled.text !== text) return draft.errors;
    const given = refused.errors ?? [];
    return withLines(text, given.length > 0 ? given : [{ pointer: '', message: refused.message }]);
  }, [draft, refused, settled.text, text]);

  const completed = plan.data?.spec ?? null;
  const set = useCallback(
    (path: Path, value: unknown) =>
      setText((before) => {
        let next = before;
        const parent = kinded.find(
          (one) => path.length > one.length && one.every((key, index) => key === path[index]),
        );
        const kind = parent && [...parent, 'kind'];
        if (kind && value !== undefined && path.join() !== kind.join()) {
          const written = valueAt(draftOf(before).spec, kind);
          if (written === undefined) next = setInText(next, kind, valueAt(completed, kind));
        }
        return setInText(next, path, value);
      }),
    [completed],
  );
  const view: DraftView = { spec: draft.spec, completed, errors, set };
  return {
    text,
    setText,
    view,
    warnings: plan.data?.warnings ?? [],
    estimate: plan.data?.estimate ?? null,
    /** Whether the server has seen this text and would take it. */
    ready: valid && settled.text === text && plan.isSuccess && !plan.isFetching,
    trouble: refused === null ? plan.error : null,
  };
}
