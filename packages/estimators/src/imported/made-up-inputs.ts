import { type Feeds, type TensorData, tensor, type ValueType } from '@vanda/engine';
import { SeededRandom } from '../random.ts';

type Types = Readonly<Record<string, Pick<ValueType, 'dtype' | 'shape'>>>;

/**
 * Rows for inputs of a network whose data nobody knows, the same for the same seed: floats from -1 to 1, pixels where
 * pictures of bytes are taken, and whole numbers of 0 or 1, since every table has two rows (`zeros`: or but one).
 *
 * @param rows The size of a first dim that is open.
 */
export function madeUpInputs(
  inputs: Types,
  rows: number,
  { seed = 1, zeros = false }: { seed?: number; zeros?: boolean } = {},
): Feeds {
  const random = new SeededRandom(seed);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => {
      const dims = shape.map((dim) => dim ?? rows);
      const elements = dims.reduce((product, dim) => product * dim, 1);
      const isPicture = dtype === 'u8' && shape.length === 4;
      const next = () => {
        if (dtype === 'f32') return 2 * random.next() - 1;
        if (isPicture) return Math.floor(256 * random.next());
        return zeros ? 0 : Math.floor(2 * random.next());
      };
      return [name, tensor(filled(dtype, elements, next), dims, dtype)];
    }),
  );
}

function filled(dtype: ValueType['dtype'], elements: number, next: () => number): TensorData {
  const list = { length: elements };
  if (dtype === 'f32') return Float32Array.from(list, next);
  if (dtype === 'i32') return Int32Array.from(list, next);
  if (dtype === 'i64') return BigInt64Array.from(list, () => BigInt(next()));
  return Uint8Array.from(list, next);
}
