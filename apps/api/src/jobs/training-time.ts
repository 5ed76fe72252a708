import {
  baseOperations,
  type CompletedSpec,
  type DatasetProfile,
  networkSize,
  type TrainingRate,
  trainingItems,
  trainsOnFeatures,
} from '@vanda/contracts';

/** Beside what a worker measures: rough, and small where a training is long. */
const perJobSeconds = 0.6;
const perEpochSeconds = 0.012;
const perPictureSeconds = 3e-5;
const perCellSeconds = 3e-7;
/** Backward costs about twice what forward does. */
const passes = 3;

/** Seconds from the claim of a job to its registered version, for so many epochs. */
export function trainingSeconds(
  spec: CompletedSpec,
  profile: DatasetProfile,
  rate: TrainingRate,
  epochs: number,
): number {
  const { weights, operations } = networkSize(spec, profile);
  const train = trainingItems(profile, spec.split);
  const measured = profile.items - train;
  const steps = Math.ceil(train / spec.training.batchSize);
  const itemSeconds = operations / rate.operationsPerSecond;
  const baseSeconds = baseOperations(spec.model) / rate.operationsPerSecond;
  const once = trainsOnFeatures(spec) ? profile.items * baseSeconds : 0;
  const each = trainsOnFeatures(spec) ? 0 : (train * passes + measured / 2) * baseSeconds;
  const epochSeconds =
    perEpochSeconds +
    steps * (rate.stepSeconds + weights * rate.weightSeconds) +
    (train * passes + measured / 2) * itemSeconds +
    each;
  return (
    rate.startSeconds +
    perJobSeconds +
    preparationSeconds(profile, rate) +
    once +
    epochs * epochSeconds +
    (measured / 2) * itemSeconds
  );
}

function preparationSeconds(profile: DatasetProfile, rate: TrainingRate): number {
  if (profile.kind === 'table') return profile.items * profile.columns.length * perCellSeconds;
  const known = profile.sizes.reduce((sum, size) => sum + size.count, 0);
  const pixels = profile.sizes.reduce(
    (sum, { width, height, count }) => sum + width * height * count,
    0,
  );
  const each = known > 0 ? pixels / known : 0;
  return profile.items * (perPictureSeconds + each * rate.pixelSeconds);
}
