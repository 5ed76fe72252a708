/**
 * Numbers that a script in another language makes again bit for bit (bench/peers/numbers.py): element i of the stream
 * `salt` is MurmurHash3's finalizer (Appleby, public domain) of i + salt * 0x9e3779b9, over 2^32.
 */
function unit(salt: number, index: number): number {
  let hash = (index + Math.imul(salt, 0x9e3779b9)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

const elements = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

/** Floats in [low, high). */
export function uniform(
  salt: number,
  shape: readonly number[],
  low: number,
  high: number,
): Float32Array {
  return Float32Array.from(
    { length: elements(shape) },
    (_, i) => low + (high - low) * unit(salt, i),
  );
}

/** Whole numbers in [0, bound). */
export function integers(salt: number, shape: readonly number[], bound: number): Int32Array {
  return Int32Array.from({ length: elements(shape) }, (_, i) => Math.floor(bound * unit(salt, i)));
}
