/** A state table: for each state, the events it takes and where they lead. What is not in the table is refused. */
export type StateTable<S extends string, E extends string> = Readonly<
  Record<S, Readonly<Partial<Record<E, S>>>>
>;

export type Outcome<S extends string> =
  | { ok: true; from: S; to: S }
  | { ok: false; from: S; refusal: string };

/** Pure: what `event` does in `state`. The refusal is a sentence that names what would have been possible. */
export function step<S extends string, E extends string>(
  noun: string,
  table: StateTable<S, E>,
  state: S,
  event: E,
): Outcome<S> {
  const moves: Readonly<Partial<Record<E, S>>> | undefined = table[state];
  const to = moves?.[event];
  if (to !== undefined) return { ok: true, from: state, to };
  const possible = Object.keys(moves ?? {});
  const hint =
    possible.length > 0 ? `possible now: ${possible.join(', ')}` : 'nothing changes it any more';
  return {
    ok: false,
    from: state,
    refusal: `${/^[aeiou]/.test(noun) ? 'An' : 'A'} ${noun} that is ${state} cannot ${event.replaceAll('-', ' ')} (${hint}).`,
  };
}

/** States that no event leaves. */
export function finalStates<S extends string, E extends string>(table: StateTable<S, E>): S[] {
  return (Object.keys(table) as S[]).filter((state) => Object.keys(table[state]).length === 0);
}
