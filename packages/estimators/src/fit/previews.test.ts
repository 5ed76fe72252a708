import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { completeSpec, type MetricPoint, parseOrThrow, trainSpec } from '@vanda/contracts';
import { afterAll, expect, it } from 'vitest';
import { loadPredictor } from '../load-predictor.ts';
import { openTable } from '../standalone/open-table.ts';
import { train } from '../train.ts';
import type { TrainingPreview } from '../training.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const vegaData = join(import.meta.dirname, '../../../../node_modules/vega-datasets/data');
const penguins = join(vegaData, 'penguins.json');
const species = { task: 'tabular-classification', target: 'Species' };

async function trainWatched(
  file: string,
  given: object,
  watched: { everyMs: number; onPreview(preview: TrainingPreview): void } | null,
) {
  const workDir = mkdtempSync(join(tmpdir(), 'previews-'));
  folders.push(workDir);
  const data = await openTable(file, workDir, 1);
  const parsed = parseOrThrow(trainSpec, { name: 'm', dataset: 'd', ...given }, 'invalid-spec');
  const points: MetricPoint[] = [];
  const warnings: string[] = [];
  const result = await train(
    completeSpec(parsed, 'd@1', data.profile).spec,
    data,
    {
      workDir,
      threads: 1,
      signal: new AbortController().signal,
      ...(watched && { previewEveryMs: watched.everyMs }),
    },
    {
      progress: () => {},
      metrics: (batch) => void points.push(...batch),
      log: ({ level, text }) => void (level === 'warn' && warnings.push(text)),
      ...(watched && { preview: watched.onPreview }),
    },
  );
  return { result, points, warnings };
}

const weightsIn = (folder: string) => readFileSync(join(folder, 'weights.safetensors'));
const epochsOf = (epochs: number) => ({
  ...species,
  training: { epochs, batchSize: 16, earlyStopping: null },
});

it('shows its best epoch while it goes on, without becoming another training', async () => {
  const previews: TrainingPreview[] = [];
  const onPreview = (preview: TrainingPreview) => void previews.push(preview);
  const watched = await trainWatched(penguins, epochsOf(150), { everyMs: 0, onPreview });
  const undisturbed = await trainWatched(penguins, epochsOf(150), null);
  expect(watched.points).toEqual(undisturbed.points);
  expect(weightsIn(watched.result.artifact)).toEqual(weightsIn(undisturbed.result.artifact));

  const epochs = previews.map(({ epoch }) => epoch);
  expect(epochs).not.toHaveLength(0);
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  const [first] = previews as [TrainingPreview];
  // Its weights are those of a training that ended there, although later epochs may have been trained meanwhile.
  const ended = await trainWatched(penguins, epochsOf(first.epoch), null);
  expect(ended.result.bestEpoch).toBe(first.epoch);
  expect(weightsIn(first.folder)).toEqual(weightsIn(ended.result.artifact));
  expect(first.validation).toEqual(ended.result.metrics.validation);
  const truth = first.validation?.confusionMatrix?.counts ?? [];
  const perLabel = truth.map((row) => row.reduce((sum, count) => sum + count, 0));
  expect(first.chance).toBe(Math.max(...perLabel) / (first.validation?.count ?? 0));
});

it('shows what can be served', async () => {
  const mileage = { task: 'tabular-regression', target: 'Miles_per_Gallon' };
  for (const [name, given] of [
    ['penguins', species],
    ['cars', mileage],
  ] as const) {
    const file = join(vegaData, `${name}.json`);
    let answer: unknown;
    let chance: number | null = -1;
    const training = { epochs: 40, earlyStopping: null };
    await trainWatched(
      file,
      { ...given, training },
      {
        everyMs: 0,
        async onPreview(preview) {
          ({ chance } = preview);
          const predictor = await loadPredictor(preview.folder, { threads: 1 });
          expect(predictor.signature).toEqual(preview.signature);
          [answer] = await predictor.predict([JSON.parse(readFileSync(file, 'utf8'))[0]]);
          predictor.close();
        },
      },
    );
    if (name === 'penguins') expect(answer).toMatchObject({ label: expect.any(String) });
    else expect([answer, chance]).toEqual([expect.any(Number), null]);
  }
});

it('waits between two previews, and goes on where one cannot be made', async () => {
  let tries = 0;
  const onPreview = () => {
    tries += 1;
    throw new Error('no room');
  };
  await trainWatched(penguins, epochsOf(10), { everyMs: 60_000, onPreview });
  expect(tries).toBe(0);
  const { result, warnings } = await trainWatched(penguins, epochsOf(10), {
    everyMs: 0,
    onPreview,
  });
  expect(tries).toBeGreaterThan(0);
  expect(warnings).toContain('Epoch 1 cannot be tried: no room');
  expect(result.metrics.test).toBeDefined();
});
