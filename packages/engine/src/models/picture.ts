import { isNetwork } from './network.ts';
import type { Structure } from './structure.ts';
import { operands } from './structure.ts';
import { countText, entryParameters } from './summary.ts';
import type { Call, Symbolic } from './symbol.ts';
import { shapeText, typeText } from './symbol.ts';

export interface PictureBox {
  readonly name: string;
  /** Under the name, a line each. */
  readonly lines: readonly string[];
  readonly look: 'input' | 'layer' | 'model';
}

/** A box for each input and each use of a layer, each after those that it depends on; links are places in the list. */
export interface Picture {
  readonly boxes: readonly PictureBox[];
  readonly links: readonly (readonly [from: number, to: number])[];
}

export function pictureOf(structure: Structure): Picture {
  const boxes: PictureBox[] = [];
  const places = new Map<Call | Symbolic, number>();
  const links: [number, number][] = [];
  for (const [i, symbol] of structure.inputs.entries()) {
    const name = structure.entries[i]?.name ?? 'input';
    places.set(symbol, boxes.push({ name, lines: [typeText(symbol)], look: 'input' }) - 1);
  }
  for (const call of structure.calls) {
    const to = boxes.push(boxOf(structure, call)) - 1;
    places.set(call, to);
    for (const symbol of operands(call)) {
      const from = places.get(symbol.call ?? symbol);
      if (from !== undefined) links.push([from, to]);
    }
  }
  return { boxes, links };
}

function boxOf(structure: Structure, call: Call): PictureBox {
  const entry = structure.entries.find(({ layer }) => layer === call.layer);
  if (!entry) throw new Error('A call belongs to an entry.');
  const parameters = entryParameters(entry);
  const uses = entry.calls.length;
  const facts = [
    ...(entry.kind === entry.name ? [] : [entry.kind]),
    ...(parameters > 0 ? [`${countText(parameters)} params`] : []),
    ...(uses > 1 ? [`shared, use ${entry.calls.indexOf(call) + 1} of ${uses}`] : []),
  ];
  return {
    name: entry.name,
    lines: [
      ...(facts.length > 0 ? [facts.join(', ')] : []),
      call.outputs.map(({ shape }) => shapeText(shape)).join(' '),
    ],
    look: isNetwork(call.layer) ? 'model' : 'layer',
  };
}
