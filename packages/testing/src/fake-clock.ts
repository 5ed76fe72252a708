/** A clock that stands still until a test moves it. */
export interface FakeClock {
  now(): number;
  advance(ms: number): void;
}

export function fakeClock(startMs = Date.UTC(2030, 0, 1)): FakeClock {
  let at = startMs;
  return {
    now: () => at,
    advance: (ms) => {
      at += ms;
    },
  };
}
