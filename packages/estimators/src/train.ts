import { type CompletedSpec, VandaError } from '@vanda/contracts';
import { EngineError, engineInfo } from '@vanda/engine';
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
  refusePrecision(spec);
  const run: Run = { ...options, spec, events };
  try {
    return await trainTask(run, data);
  } catch (error) {
    throw error instanceof EngineError ? inUserWords(error) : error;
  }
}

async function trainTask(run: Run, { profile, files }: TrainingData): Promise<TrainingResult> {
  const { task } = run.spec;
  switch (task) {
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
    `/task: ${task} does not fit a dataset of ${profile.kind === 'images' ? 'pictures' : 'rows'}.`,
    [{ pointer: '/task', message: 'Does not fit the dataset.' }],
  );
}

/** Before the data is prepared, which may take long: the engine would refuse it afterwards. */
function refusePrecision({ training }: CompletedSpec): void {
  const { bfloat16, isa } = engineInfo();
  if (training.precision !== 'bfloat16' || bfloat16) return;
  const message = `This worker's processor (${isa}) has no instructions for bfloat16: take float32, or run the job on a worker whose processor has AVX-512 BF16 or AMX.`;
  throw new VandaError('invalid-spec', `/training/precision: ${message}`, [
    { pointer: '/training/precision', message },
  ]);
}

/** What the engine cannot do for lack of memory is for the user to make smaller. */
function inUserWords(error: EngineError): Error {
  if (error.code !== 'out_of_memory' && error.code !== 'limit') return error;
  return new VandaError(
    'out-of-memory',
    `The model does not fit into the memory that it may use (${error.detail}). A smaller batch size, smaller layers or smaller pictures help.`,
    undefined,
    { cause: error },
  );
}
