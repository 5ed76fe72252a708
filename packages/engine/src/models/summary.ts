import type { Network } from './network.ts';
import { isNetwork } from './network.ts';
import type { Entry, Structure } from './structure.ts';
import { operands } from './structure.ts';
import type { AnyLayer, Symbolic } from './symbol.ts';
import { shapeText } from './symbol.ts';
import type { Amount } from './weights.ts';
import { countWeights, leaves } from './weights.ts';

export interface SummaryOptions {
  /** The layers of models that are layers, too. */
  expandNested?: boolean;
}

type Frozen = (layer: AnyLayer, weight: string) => boolean;

/** As Keras prints it. */
export function summaryText(
  model: Network,
  title: string,
  frozen: Frozen,
  options: SummaryOptions,
): string {
  const linked = model.kind === 'model';
  const head = ['Layer (kind)', 'Output Shape', 'Param #', 'Connected to'];
  const rows = rowsOf(model.structure, options.expandNested ?? false, '');
  const { trainable, still } = countWeights(leaves(model.structure, !model.trainable), frozen);
  const all = {
    elements: trainable.elements + still.elements,
    bytes: trainable.bytes + still.bytes,
  };
  return [
    `Model: "${title}"`,
    ...table([head, ...rows].map((row) => (linked ? row : row.slice(0, 3)))),
    `Total params: ${amountText(all)}`,
    `Trainable params: ${amountText(trainable)}`,
    `Non-trainable params: ${amountText(still)}`,
  ].join('\n');
}

/** 1,234 */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** Elements of all weights of an entry. */
export function entryParameters({ layer }: Entry): number {
  if (!layer) return 0;
  const own = isNetwork(layer) ? leaves(layer.structure) : new Map([[layer, false]]);
  const { trainable, still } = countWeights(own, () => false);
  return trainable.elements + still.elements;
}

function rowsOf(structure: Structure, expand: boolean, indent: string): string[][] {
  return structure.entries.flatMap((entry) => {
    const own = [
      `${indent}${entry.name} (${entry.kind})`,
      [...new Set(entry.outputs.map(({ shape }) => shapeText(shape)))].join(' / '),
      countText(entryParameters(entry)),
      connections(structure, entry).join(', ') || '-',
    ];
    if (!expand || !entry.layer || !isNetwork(entry.layer)) return [own];
    return [own, ...rowsOf(entry.layer.structure, expand, `${indent}  `)];
  });
}

function connections(structure: Structure, entry: Entry): string[] {
  return entry.calls.flatMap(operands).map((symbol) => sourceName(structure, symbol));
}

/** The entry that gives a symbol; with a number where it gives several. */
function sourceName(structure: Structure, symbol: Symbolic): string {
  const source = structure.entries.find((entry) => entry.outputs.includes(symbol));
  if (!source) return '-';
  const place = source.outputs.indexOf(symbol);
  return source.outputs.length > 1 ? `${source.name}[${place}]` : source.name;
}

function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const line = (row: readonly string[]) =>
    `│${row.map((cell, i) => (i === 2 ? ` ${cell.padStart(widths[i] ?? 0)} ` : ` ${cell.padEnd(widths[i] ?? 0)} `)).join('│')}│`;
  const [head = [], ...body] = rows;
  return [
    rule('┌', '┬', '┐'),
    line(head),
    rule('├', '┼', '┤'),
    ...body.map(line),
    rule('└', '┴', '┘'),
  ];
}

function amountText({ elements, bytes }: Amount): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${countText(elements)} (${unit === 0 ? size : size.toFixed(2)} ${units[unit]})`;
}
