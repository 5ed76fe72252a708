/** One point of a curve: its step, its epoch and its value. */
export type CurvePoint = [step: number, [epoch: number, value: number | null]];

/**
 * At most `max` points of a curve (2 or more) that look like all of them: the first, the last, and of each stretch
 * between them the lowest and the highest, so that no spike is lost.
 */
export function thinCurve(points: CurvePoint[], max: number): CurvePoint[] {
  if (points.length <= max) return points;
  const stretches = Math.floor((max - 2) / 2);
  const inner = points.slice(1, -1);
  const kept: CurvePoint[] = [points[0] as CurvePoint];
  for (let index = 0; index < stretches; index++) {
    const begin = Math.floor((index * inner.length) / stretches);
    const end = Math.floor(((index + 1) * inner.length) / stretches);
    kept.push(...extremes(inner, begin, end));
  }
  kept.push(points.at(-1) as CurvePoint);
  return kept;
}

/** In the order of their steps. A value that is not a number is extreme in itself. */
function extremes(points: CurvePoint[], begin: number, end: number): CurvePoint[] {
  let low = begin;
  let high = begin;
  for (let at = begin; at < end; at++) {
    if (valueAt(points, at) < valueAt(points, low)) low = at;
    if (valueAt(points, at) > valueAt(points, high)) high = at;
  }
  return [...new Set([Math.min(low, high), Math.max(low, high)])].map(
    (at) => points[at] as CurvePoint,
  );
}

function valueAt(points: CurvePoint[], at: number): number {
  return points[at]?.[1][1] ?? Number.POSITIVE_INFINITY;
}
