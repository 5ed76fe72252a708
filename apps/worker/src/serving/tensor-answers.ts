import type { ModelSignature } from '@vanda/contracts';
import type { TensorPrediction } from '@vanda/estimators';
import { invalidArgument } from './tfs-error.ts';

/** Numbers that one answer may hold: as text they take about twenty bytes each. */
const numbersMax = 4 * 1024 ** 2;

/** A small picture may be asked about a thousand times and answered with a large tensor each: this is looked at first. */
export function assertAnswerFits(instances: number, output: ModelSignature['output']): void {
  if (output.kind !== 'tensors') return;
  const numbers = output.tensors.reduce(
    (sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1),
    0,
  );
  if (instances * numbers <= numbersMax) return;
  const most = Math.floor(numbersMax / numbers);
  throw invalidArgument(
    most === 0
      ? `The model answers ${numbers} numbers an instance, and an answer holds at most ${numbersMax}.`
      : `The model answers ${numbers} numbers an instance: ask about at most ${most} at once.`,
  );
}

/** One output stands by itself, several are called by their names. */
export function tensorRow({ tensors }: TensorPrediction): unknown {
  const values = Object.values(tensors);
  return values.length === 1 ? values[0] : tensors;
}

export function tensorColumns(predictions: readonly TensorPrediction[]): unknown {
  const names = Object.keys(predictions[0]?.tensors ?? {});
  const columns = names.map((name) => [name, predictions.map(({ tensors }) => tensors[name])]);
  return columns.length === 1 ? columns[0]?.[1] : Object.fromEntries(columns);
}
