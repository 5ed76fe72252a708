import type { Picture } from './picture.ts';

/** A box, or the place where a link passes a row that it does not end in. */
interface Spot {
  readonly box: number | undefined;
  readonly width: number;
  readonly above: Spot[];
  readonly below: Spot[];
  /** Of the middle. */
  x: number;
}

export interface Layout {
  readonly width: number;
  readonly rowCount: number;
  /** For each box, its row and the x of its middle. */
  readonly boxes: readonly { readonly row: number; readonly x: number }[];
  /** For each link, the x in each row from where it begins to where it ends. */
  readonly links: readonly { readonly row: number; readonly xs: readonly number[] }[];
}

const GAP = 28;
const PASS_WIDTH = 12;
const SWEEPS = 8;

/** Rows by distance from the inputs, links downwards (Sugiyama, Tagawa and Toda, 1981). */
export function layered({ boxes, links }: Picture, widths: readonly number[]): Layout {
  const rowOf = rowsOf(boxes.length, links);
  const rows: Spot[][] = Array.from({ length: Math.max(...rowOf) + 1 }, () => []);
  const put = (row: number, box: number | undefined, width: number): Spot => {
    const spot: Spot = { box, width, above: [], below: [], x: 0 };
    rows[row]?.push(spot);
    return spot;
  };
  const spots = boxes.map((_, i) => put(rowOf[i] as number, i, widths[i] as number));
  const chains = links.map(([from, to]) => {
    const chain = [spots[from] as Spot];
    for (let row = (rowOf[from] as number) + 1; row < (rowOf[to] as number); row += 1)
      chain.push(put(row, undefined, PASS_WIDTH));
    chain.push(spots[to] as Spot);
    for (const [i, spot] of chain.slice(1).entries()) {
      spot.above.push(chain[i] as Spot);
      chain[i]?.below.push(spot);
    }
    return chain;
  });
  for (const row of rows)
    place(
      row,
      row.map(() => 0),
    );
  for (let sweep = 0; sweep < SWEEPS; sweep += 1)
    sweepRows(rows, sweep % 2 === 0, sweep < SWEEPS / 2);
  const all = rows.flat();
  const left = Math.min(...all.map((spot) => spot.x - spot.width / 2));
  const right = Math.max(...all.map((spot) => spot.x + spot.width / 2));
  return {
    width: right - left,
    rowCount: rows.length,
    boxes: spots.map((spot, i) => ({ row: rowOf[i] as number, x: spot.x - left })),
    links: chains.map((chain, i) => ({
      row: rowOf[links[i]?.[0] as number] as number,
      xs: chain.map((spot) => spot.x - left),
    })),
  };
}

/** One below the lowest of those that a box depends on; inputs move down to right above where they are first used. */
function rowsOf(count: number, links: Picture['links']): number[] {
  const rows = Array.from({ length: count }, () => 0);
  for (let box = 0; box < count; box += 1)
    for (const [from, to] of links)
      if (to === box) rows[to] = Math.max(rows[to] as number, (rows[from] as number) + 1);
  for (let box = 0; box < count; box += 1) {
    if (links.some(([, to]) => to === box)) continue;
    const users = links.filter(([from]) => from === box).map(([, to]) => rows[to] as number);
    if (users.length > 0) rows[box] = Math.min(...users) - 1;
  }
  return rows;
}

/** Moves each row towards what it is linked to in the row before; at first it may change its order. */
function sweepRows(rows: Spot[][], down: boolean, reorder: boolean): void {
  for (const row of down ? rows : rows.toReversed()) {
    const wish = (spot: Spot) => mean(down ? spot.above : spot.below) ?? spot.x;
    if (reorder) row.sort((a, b) => wish(a) - wish(b));
    place(row, row.map(wish));
  }
}

/** As near to the wished places as the widths allow: the middle between packing from the left and from the right. */
function place(row: readonly Spot[], wishes: readonly number[]): void {
  const apart = (i: number) => ((row[i]?.width ?? 0) + (row[i + 1]?.width ?? 0)) / 2 + GAP;
  const fromLeft = [...wishes];
  for (let i = 1; i < row.length; i += 1)
    fromLeft[i] = Math.max(fromLeft[i] as number, (fromLeft[i - 1] as number) + apart(i - 1));
  const fromRight = [...wishes];
  for (let i = row.length - 2; i >= 0; i -= 1)
    fromRight[i] = Math.min(fromRight[i] as number, (fromRight[i + 1] as number) - apart(i));
  for (const [i, spot] of row.entries())
    spot.x = ((fromLeft[i] as number) + (fromRight[i] as number)) / 2;
}

function mean(spots: readonly Spot[]): number | undefined {
  if (spots.length === 0) return undefined;
  return spots.reduce((sum, spot) => sum + spot.x, 0) / spots.length;
}
