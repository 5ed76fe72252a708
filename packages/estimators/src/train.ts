import { type CompletedSpec, VandaError } from '@vanda/contracts';
import type { Run } from './fit/run.ts';
import { trainImageClassification } from './image-classification/train.ts';
import { trainTabularClassification } from './tabular-classification/train.ts';
import { trainTabularRegression } from './tabular-regression/train.ts';
import type { TrainingData, TrainingEvents, TrainingOptions, TrainingResult } from './training.ts';

/**
 * Trains the model of a completed spec on local files.
 *
 * Stops within one step when the signal aborts (rejects with its reason). A run resumed from a checkpoint ends
 * bit-identical to an undisturbed one with the same number of threads on the same machine; the points after the
 * checkpoint's step are made again, equal.
 *
 * @throws VandaError bad-data, invalid-spec or diverged for what a user can put right.
 */
export async function train(
  spec: CompletedSpec,
  data: TrainingData,
  options: TrainingOptions,
  events: TrainingEvents,
): Promise<TrainingResult> {
  options.signal.throwIfAborted();
  const run: Run = { ...options, spec, events };
  const { profile, files } = data;
  switch (spec.task) {
    case 'image-classification':
      if (profile.kind === 'images') return await trainImageClassification(run, profile, files);
      break;
    case 'tabular-classification':
      if (profile.kind === 'table') return await trainTabularClassification(run, profile, files);
      break;
    case 'tabular-regression':
      if (profile.kind === 'table') return await trainTabularRegression(run, profile, files);
      break;
  }
  throw new VandaError(
    'invalid-spec',
    `/task: ${spec.task} does not fit a dataset of ${profile.kind === 'images' ? 'pictures' : 'rows'}.`,
    [{ pointer: '/task', message: 'Does not fit the dataset.' }],
  );
}
