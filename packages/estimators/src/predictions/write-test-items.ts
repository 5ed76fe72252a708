import { open } from 'node:fs/promises';
import { encodeTestItemsHead, identityEnd, testItemField, testItemWidth } from '@vanda/contracts';
import type { Answers, ItemDescriber } from './answers.ts';

/** More items say nothing new: of a larger split a sample is kept, by identity, so the same one in every version. */
const itemsMax = 1_000_000;
/** The worst answers are shown; they are what two versions differ on. */
const examplesMax = 1000;
const recordsAtOnce = 16_384;

export async function writeTestItems(
  path: string,
  answers: Answers & { identities: Float64Array },
  describer: ItemDescriber,
  signal: AbortSignal,
): Promise<void> {
  const { rows, labels, identities } = answers;
  const identityLimit = identityEnd * Math.min(1, itemsMax / rows.length);
  const worst = worstOf(answers);
  const preview = await describer.examples(
    worst.map((at) => rows[at] ?? 0),
    signal,
  );
  const shown = preview.kind === 'images' ? preview.pictures.length : preview.rows.length;
  const file = await open(path, 'w');
  try {
    await file.writeFile(
      encodeTestItemsHead({
        format: 'vanda-test-items-1',
        items: rows.length,
        identityLimit,
        labels: labels === null ? null : [...labels],
        examples: { rows: worst.slice(0, shown).map((at) => rows[at] ?? 0), preview },
      }),
    );
    const order = orderOf(identities, identityLimit);
    for (let from = 0; from < order.length; from += recordsAtOnce) {
      signal.throwIfAborted();
      const part = order.subarray(from, from + recordsAtOnce);
      await file.writeFile(records(answers, identities, part));
    }
  } finally {
    await file.close();
  }
}

/** Places of the kept items, by identity and then, since equal ones are found in order, by row. */
function orderOf(identities: Float64Array, limit: number): Uint32Array {
  const kept = new Uint32Array(identities.length);
  let count = 0;
  for (let at = 0; at < identities.length; at++) {
    if ((identities[at] ?? 0) < limit) kept[count++] = at;
  }
  const order = kept.subarray(0, count);
  return order.sort((a, b) => (identities[a] ?? 0) - (identities[b] ?? 0) || a - b);
}

function records(answers: Answers, identities: Float64Array, part: Uint32Array): Uint8Array {
  const values = new DataView(new ArrayBuffer(part.length * testItemWidth * 8));
  for (const [index, at] of part.entries()) {
    const put = (field: keyof typeof testItemField, value: number | undefined) => {
      const offset = (index * testItemWidth + testItemField[field]) * 8;
      values.setFloat64(offset, value ?? Number.NaN, true);
    };
    put('identity', identities[at]);
    put('row', answers.rows[at]);
    put('truth', answers.truth[at]);
    put('predicted', answers.predicted[at]);
    put('score', answers.scores?.[at]);
  }
  return new Uint8Array(values.buffer);
}

/**
 * Where the model was most surely wrong, or furthest off, first. Two versions can only differ on items that one of
 * them has wrong, and by no more than its error: so their worst items together hold the largest differences.
 */
function worstOf({ truth, predicted, scores }: Answers): number[] {
  const errors = new Float64Array(truth.length);
  for (let at = 0; at < truth.length; at++) {
    const off = Math.abs((truth[at] ?? 0) - (predicted[at] ?? 0));
    errors[at] = scores === null ? off : off === 0 ? 0 : (scores[at] ?? 0);
  }
  const wrong: number[] = [];
  for (const [at, error] of errors.entries()) if (error > 0) wrong.push(at);
  wrong.sort((a, b) => (errors[b] ?? 0) - (errors[a] ?? 0) || a - b);
  return wrong.slice(0, examplesMax);
}
