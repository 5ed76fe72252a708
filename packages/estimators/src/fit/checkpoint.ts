import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CompletedSpec, type SplitMetrics, VandaError } from '@vanda/contracts';
import { readSafetensors, type Tensor, type TrainerState, writeSafetensors } from '@vanda/engine';

/** What the epochs so far have decided, beside the engine's own state. */
export interface EpochRecord {
  /** Epochs whose validation is done. */
  finishedEpochs: number;
  /** Counted from 1; 0 before the first epoch has ended. */
  bestEpoch: number;
  /** The validation loss of the best epoch; null without a validation split. */
  bestLoss: number | null;
  bestMetrics: SplitMetrics | null;
  /** The loss that the next one must fall below by minDelta to count as getting better. */
  steadyLoss: number | null;
  epochsSinceBetter: number;
  stoppedEarly: boolean;
}

export interface FitState {
  trainer: TrainerState;
  /** Weights of the best epoch so far; null before the first epoch has ended. */
  best: Record<string, Tensor> | null;
  record: EpochRecord;
}

const formatVersion = '1';

/** One self-contained safetensors file, complete and on the disk when this resolves. */
export async function writeCheckpoint(
  path: string,
  state: FitState,
  fingerprint: string,
): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(state.trainer.tensors)) {
    tensors[`trainer/${name}`] = tensor;
  }
  for (const [name, tensor] of Object.entries(state.best ?? {})) tensors[`best/${name}`] = tensor;
  await writeSafetensors(path, tensors, {
    format: formatVersion,
    fingerprint,
    position: JSON.stringify(state.trainer.position),
    record: JSON.stringify(state.record),
  });
  for (const place of [path, dirname(path)]) {
    const handle = await open(place, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** @throws VandaError 'bad-data' where the file belongs to another run. */
export async function readCheckpoint(path: string, fingerprint: string): Promise<FitState> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata.format !== formatVersion || metadata.fingerprint !== fingerprint) {
    throw new VandaError(
      'bad-data',
      'The checkpoint was written by a run of another spec or other data and cannot be resumed.',
    );
  }
  const own = (prefix: string): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  const record = JSON.parse(metadata.record ?? '') as EpochRecord;
  return {
    trainer: {
      tensors: own('trainer/'),
      position: JSON.parse(metadata.position ?? '') as TrainerState['position'],
    },
    best: record.bestEpoch === 0 ? null : own('best/'),
    record,
  };
}

/** Says whether two runs do the same arithmetic: what else the spec holds (deploy, resources) may differ. */
export function fingerprintOf(spec: CompletedSpec, items: Record<string, number>): string {
  const { task, target, columns, model, split, training } = spec;
  return createHash('sha256')
    .update(JSON.stringify([task, target, columns, model, split, training, items]))
    .digest('hex');
}
