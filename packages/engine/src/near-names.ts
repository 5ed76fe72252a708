/** How many names an error shows. */
const shownMax = 5;

/** Those of `names` that share most pairs of letters with `name` (Dice, 1945), the likest first: what may be meant. */
export function nearNames(name: string, names: readonly string[]): string[] {
  const wanted = pairsOf(name);
  const likeness = (one: string) => {
    const pairs = pairsOf(one);
    const shared = [...pairs].filter((pair) => wanted.has(pair)).length;
    return shared / (pairs.size + wanted.size);
  };
  return names
    .map((one) => ({ one, likeness: likeness(one) }))
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, shownMax)
    .map(({ one }) => one);
}

/** Beginning and end count as letters, so that a single letter has pairs too. */
function pairsOf(name: string): Set<string> {
  const letters = ` ${name.toLowerCase()} `;
  return new Set(Array.from({ length: letters.length - 1 }, (_, at) => letters.slice(at, at + 2)));
}
