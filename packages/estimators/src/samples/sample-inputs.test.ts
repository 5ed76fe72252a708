import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { completeSpec, parseOrThrow, type TableProfile, trainSpec } from '@vanda/contracts';
import { loadArtifact, type Tensor } from '@vanda/engine';
import { afterAll, expect, it } from 'vitest';
import { openTable } from '../standalone/open-table.ts';
import { train } from '../train.ts';
import { sampleInputs } from './sample-inputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'samples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sorted by label, as data often are; one label in five is wrong. */
const rows = Array.from({ length: 600 }, (_, n) => ({
  size: n < 300 ? n % 7 : 5 + (n % 7),
  kind: n < 300 === n % 5 > 0 ? 'small' : 'large',
  note: ['a', 'b', null][n % 3],
}));

it('takes the validation split with its labels, evenly spread, wherever it lies', async () => {
  const data = await openTable(rows, folder, 1);
  const profile = data.profile as TableProfile;
  const given = { name: 'm', dataset: 'd', task: 'tabular-classification', target: 'kind' };
  const parsed = parseOrThrow(trainSpec, { ...given, training: { epochs: 3 } }, 'invalid-spec');
  const { spec } = completeSpec(parsed, 'd@1', profile);
  const options = { workDir: folder, threads: 1, signal: new AbortController().signal };
  const result = await train(spec, data, options, { progress() {}, metrics() {}, log() {} });
  const { validation } = result.metrics;
  const files = [{ path: data.files[0] ?? '', from: 0, items: rows.length }];
  const source = { files, splits: result.splits, target: { name: 'kind', type: 'text' as const } };

  const all = await sampleInputs(result.artifact, source, 1000);
  expect(all).toMatchObject({ split: 'validation', items: validation?.count });
  const artifact = await loadArtifact(result.artifact, { threads: 1 });
  const { scores } = (await artifact.run('predict', all.feeds)) as { scores: Tensor };
  artifact.close();
  const right = Array.from(all.classes ?? []).filter((label, item) => {
    return Number(scores.data[2 * item + label]) > Number(scores.data[2 * item + 1 - label]);
  });
  expect(right.length / all.items, 'what training measured').toBeCloseTo(
    validation?.accuracy ?? -1,
    9,
  );

  const few = await sampleInputs(result.artifact, source, 20);
  expect(few.items).toBe(20);
  expect(new Set(few.classes)).toEqual(new Set([0, 1]));

  // Only the second half is here: its first item is number 300 of all.
  const late = files.map((file) => ({ ...file, from: 300, items: 300 }));
  const half = await sampleInputs(result.artifact, { ...source, files: late }, 1000);
  expect(half.items).toBeLessThan(all.items);
  expect(half.split).toBe('validation');

  const unknown = await sampleInputs(result.artifact, { ...source, splits: null }, 50);
  expect(unknown).toMatchObject({ split: null, items: 50 });
  expect(new Set(unknown.classes)).toEqual(new Set([0, 1]));
});
