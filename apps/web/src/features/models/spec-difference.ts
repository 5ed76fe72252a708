export interface Difference {
  pointer: string;
  before: string;
  after: string;
}

/** The leaves in which two specs differ, as JSON pointers. */
export function specDifference(before: unknown, after: unknown): Difference[] {
  const first = leaves(before);
  const second = leaves(after);
  const pointers = [...new Set([...first.keys(), ...second.keys()])].sort();
  return pointers.flatMap((pointer) => {
    const a = first.get(pointer) ?? '–';
    const b = second.get(pointer) ?? '–';
    return a === b ? [] : [{ pointer, before: a, after: b }];
  });
}

/** Lists of plain values are one leaf, because "[128, 64] became [64]" reads better than by place. */
function leaves(
  value: unknown,
  pointer = '',
  found = new Map<string, string>(),
): Map<string, string> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, `${pointer}/${key}`, found);
  } else if (value !== undefined) {
    found.set(pointer, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return found;
}
