/** Numbers that are easily taken for what they are not. */
const NUMBERS = [
  0,
  -1,
  1,
  2,
  0.5,
  255,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 40,
  2 ** 53,
  -(2 ** 31),
  1e308,
  1e-320,
];
const VALUES = [
  null,
  true,
  '',
  'x',
  '../x',
  '__proto__',
  'constructor',
  'NaN',
  [],
  {},
  [[]],
  [[[]]],
];

/** A generator of whole numbers below `most` (mulberry32). */
function randomOf(seed: number): (most: number) => number {
  let state = seed >>> 0;
  return (most) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  };
}

/** A copy with a few members replaced, removed, doubled, or exchanged for others of the same file. */
export function spoilJson(value: object, seed: number): unknown {
  const random = randomOf(seed);
  const root = { root: structuredClone(value) as unknown };
  const places: [Record<string, unknown>, string][] = [];
  const visit = (holder: Record<string, unknown>, key: string) => {
    places.push([holder, key]);
    const inner = holder[key];
    if (typeof inner !== 'object' || inner === null) return;
    for (const name of Object.keys(inner)) visit(inner as Record<string, unknown>, name);
  };
  visit(root as Record<string, unknown>, 'root');
  for (let change = 0; change <= random(3); change += 1) {
    const [holder, key] = places[random(places.length)] as (typeof places)[0];
    const [other, name] = places[random(places.length)] as (typeof places)[0];
    const ways = [
      () => NUMBERS[random(NUMBERS.length)],
      () => VALUES[random(VALUES.length)],
      () => structuredClone(other[name]),
      () => [holder[key], structuredClone(holder[key])],
      () => undefined,
    ];
    holder[key] = (ways[random(ways.length)] as () => unknown)();
  }
  return root.root;
}

/** A copy with some bytes changed, a piece moved, or the end cut off. */
export function spoilBytes(bytes: Buffer, seed: number): Buffer {
  const random = randomOf(seed);
  const spoiled = Buffer.from(bytes);
  for (let change = 0; change <= random(8); change += 1) {
    const at = random(spoiled.length);
    const ways = [
      () => spoiled.writeUInt8(random(256), at),
      () => spoiled.writeUInt8([0, 1, 127, 128, 255][random(5)] as number, at),
      () => spoiled.copy(spoiled, at, random(spoiled.length), random(spoiled.length)),
      () => spoiled.fill(255, at, Math.min(at + random(8), spoiled.length)),
    ];
    (ways[random(ways.length)] as () => unknown)();
  }
  return random(5) === 0 ? spoiled.subarray(0, random(spoiled.length)) : spoiled;
}
