import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

const rowsAtOnce = 2000;

/** A table of 30 columns of every type: 20 fractions, 4 integers, 3 texts, a date, a boolean, a label. */
export async function writeWideCsv(path: string, rows: number): Promise<void> {
  await pipeline(lines(rows), createWriteStream(path));
}

function* lines(rows: number): Generator<string> {
  const numbers = Array.from({ length: 20 }, (_, c) => `number${c}`);
  const integers = Array.from({ length: 4 }, (_, c) => `integer${c}`);
  yield `${[...numbers, ...integers, 'colour', 'size', 'shop', 'day', 'sold', 'label'].join(',')}\n`;
  const random = seeded(7);
  const whole = (below: number) => Math.floor(random() * below);
  const colours = ['red', 'green', 'blue', '"blue, light"'];
  for (let row = 0; row < rows; row += rowsAtOnce) {
    let text = '';
    for (let i = 0; i < Math.min(rowsAtOnce, rows - row); i++) {
      for (let c = 0; c < 20; c++) text += `${(random() * 1000).toFixed(4)},`;
      for (let c = 0; c < 4; c++) text += `${whole(100_000)},`;
      const month = String(1 + whole(12)).padStart(2, '0');
      const day = String(1 + whole(28)).padStart(2, '0');
      text += `${colours[whole(4)]},${whole(3)}XL,shop ${whole(500)},2024-${month}-${day},`;
      text += `${random() < 0.5},${random() < 0.3 ? 'yes' : 'no'}\n`;
    }
    yield text;
  }
}

/** Marsaglia's xorshift, so that every machine ingests the same table. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
