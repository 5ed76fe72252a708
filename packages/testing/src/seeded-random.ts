/**
 * Random numbers that are the same for the same seed (mulberry32, public domain, by Tommy
 * Ettinger). A test prints its seed, and VANDA_TEST_SEED repeats it.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: new each time, or the one that VANDA_TEST_SEED names. Prints it. */
export function testSeed(): number {
  const seed = Number(process.env.VANDA_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`VANDA_TEST_SEED=${seed}\n`);
  return seed;
}
