import {
  type CompletedSpec,
  type DatasetProfile,
  defaultBatchSize,
  VandaError,
} from '@vanda/contracts';

/**
 * A batch size that somebody chose must fit the training rows; the default one only shrinks to them (rows without
 * a target are not known when a spec is completed).
 */
export function fittingBatchSize(
  spec: CompletedSpec,
  profile: DatasetProfile,
  trainingItems: number,
): number {
  const { batchSize } = spec.training;
  if (batchSize <= trainingItems) return batchSize;
  if (batchSize === defaultBatchSize(profile, spec)) return trainingItems;
  const items = trainingItems.toLocaleString('en');
  throw new VandaError(
    'invalid-spec',
    `/training/batchSize: ${batchSize} is more than the ${items} items to train on.`,
    [
      {
        pointer: '/training/batchSize',
        message: `Must be at most ${items}, the items to train on.`,
      },
    ],
  );
}
