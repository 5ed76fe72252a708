/** How many names an error shows. */
const shownMax = 5;

/** Those of `names` that are most like `name`, the likest first: what somebody may have meant. */
export function nearNames(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase();
  const scored = names.map((one) => ({ one, distance: distanceOf(wanted, one.toLowerCase()) }));
  return scored
    .sort((a, b) => a.distance - b.distance)
    .slice(0, shownMax)
    .map(({ one }) => one);
}

/** The share of letters to change (Levenshtein, 1966); a name that contains the other is nearer than any other. */
function distanceOf(a: string, b: string): number {
  const most = Math.max(a.length, b.length, 1);
  if (a === b) return -1;
  if (a !== '' && (b.includes(a) || a.includes(b))) return Math.abs(a.length - b.length) / most - 1;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return (row[b.length] as number) / most;
}
