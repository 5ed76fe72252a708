import { z } from 'zod';
import { datasetPreview } from '../datasets/profile.ts';
import { VandaError } from '../errors.ts';
import { parseOrThrow } from '../validation.ts';

/**
 * The file of a model version's answers on its test split, as a training writes it and the API reads it to compare
 * two versions: the length of the head (uint32, little-endian) and four zero bytes, the head as JSON, padded with
 * spaces to a multiple of eight bytes, then one record of five little-endian float64 an item. Records are sorted by
 * identity, then row, so that two files are compared in one pass over both, in flat memory.
 */
export const testItemsHead = z.object({
  format: z.literal('vanda-test-items-1'),
  /** Items of the test split. */
  items: z.number().int(),
  /** Only items with an identity below this are in the file: all of them, or the same sample in every version. */
  identityLimit: z.number(),
  /** Of a classification: what its truths and predictions are indices of. */
  labels: z.array(z.string()).nullable(),
  /** The worst answers, as a page shows them: `preview` holds one row or picture for each of `rows`. */
  examples: z.object({ rows: z.array(z.number().int()), preview: datasetPreview }),
});
export type TestItemsHead = z.infer<typeof testItemsHead>;

/** Where each number of a record lies in it. `score` is NaN for a regression. */
export const testItemField = { identity: 0, row: 1, truth: 2, predicted: 3, score: 4 } as const;
export const testItemWidth = 5;
export const testItemBytes = testItemWidth * 8;

/** Identities are integers below this: 53 bits of a hash, which a double holds exactly. */
export const identityEnd = 2 ** 53;

/** The first 53 bits of a hash as an identity. */
export function identityOf(hash: Uint8Array): number {
  const view = new DataView(hash.buffer, hash.byteOffset, 8);
  return view.getUint32(0) * 2 ** 21 + (view.getUint32(4) >>> 11);
}

const prefixBytes = 8;
const headBytesMax = 64 * 1024 ** 2;

export function encodeTestItemsHead(head: TestItemsHead): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(prefixBytes + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, prefixBytes);
  return bytes;
}

/** How many bytes of the file come before its first record, by its first eight. */
export function testItemsStart(prefix: Uint8Array): number {
  const length = Number(
    new DataView(prefix.buffer, prefix.byteOffset, prefixBytes).getBigUint64(0, true),
  );
  if (length > headBytesMax) throw new VandaError('internal', 'This is no file of test items.');
  return prefixBytes + length;
}

/** @param start everything before the first record */
export function decodeTestItemsHead(start: Uint8Array): TestItemsHead {
  const json = JSON.parse(new TextDecoder().decode(start.subarray(prefixBytes)));
  return parseOrThrow(testItemsHead, json, 'internal');
}
