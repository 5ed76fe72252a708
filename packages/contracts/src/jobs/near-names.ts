/** How many names a sentence shows. */
const shownMax = 5;

/** Those of `names` that share most pairs of letters with `name`, the likest first: what somebody may have meant. */
export function nearNames(name: string, names: readonly string[]): string[] {
  const wanted = pairsOf(name);
  const likeness = (one: string) => {
    const pairs = pairsOf(one);
    return [...pairs].filter((pair) => wanted.has(pair)).length / (pairs.size + wanted.size);
  };
  const found = names.map((one) => ({ one, likeness: likeness(one) }));
  return found
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, shownMax)
    .map(({ one }) => one);
}

function pairsOf(name: string): Set<string> {
  const letters = ` ${name.toLowerCase()} `;
  return new Set(Array.from({ length: letters.length - 1 }, (_, at) => letters.slice(at, at + 2)));
}
