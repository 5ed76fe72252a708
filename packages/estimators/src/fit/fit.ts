import { join } from 'node:path';
import { type MetricPoint, type SplitMetrics, VandaError } from '@vanda/contracts';
import {
  EngineError,
  type Node,
  type Pipeline,
  type Session,
  type Tensor,
  Trainer,
} from '@vanda/engine';
import type { Evaluated } from '../predictions/answers.ts';
import {
  type EpochRecord,
  type FitState,
  fingerprintOf,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';
import { optimizerFor } from './optimizer.ts';
import { Previews } from './previews.ts';
import { logInfo, type Run } from './run.ts';
import { StepClock } from './step-clock.ts';
import type { ServedModel } from './write-model.ts';

/** A checkpoint is written at the end of each epoch and when the last one is this old. */
const checkpointMs = 60_000;

export interface Fitting {
  session: Session;
  /** What a preview shows of it. */
  model: ServedModel;
  /** As in `TrainingPreview`. */
  chance: number | null;
  /** Batches of the training split. */
  pipeline: Pipeline;
  loss: Node;
  /** What moves; all trainable variables by default. */
  variables?: readonly Node[];
  /** Measures the validation split with the weights of now; null where it is empty. */
  validate: (() => Promise<Pick<Evaluated, 'metrics'>>) | null;
}

export interface Fitted {
  validation: SplitMetrics | null;
  bestEpoch: number;
  steps: number;
}

/**
 * Trains epoch by epoch until the last one or until validation stops getting better, and leaves the weights of the
 * best validation epoch in the session. Aborts between two steps. Resumed from a checkpoint, it goes on exactly as
 * the run that wrote it would have.
 */
export async function fit(run: Run, fitting: Fitting): Promise<Fitted> {
  const { session, pipeline } = fitting;
  const { training } = run.spec;
  const fingerprint = fingerprintOf(run.spec, { training: pipeline.rowCount });
  // Before the trainer adds the optimizer's slots, which the best epoch's copy does not need.
  const weights = (fitting.variables ?? session.graph.variables).map(({ name }) => name);
  const trainer = new Trainer(session, {
    pipeline,
    loss: fitting.loss,
    ...(fitting.variables && { variables: fitting.variables }),
    optimizer: optimizerFor(training, pipeline.batchesPerEpoch),
  });
  let record: EpochRecord = {
    finishedEpochs: 0,
    bestEpoch: 0,
    bestLoss: null,
    bestMetrics: null,
    steadyLoss: null,
    epochsSinceBetter: 0,
    stoppedEarly: false,
  };
  let best: FitState['best'] = null;
  if (run.resumeFrom !== undefined) {
    const state = await readCheckpoint(run.resumeFrom, fingerprint);
    trainer.importState(state.trainer);
    ({ best, record } = state);
    logInfo(run, `Going on from the checkpoint at step ${trainer.position.step}.`);
  }
  const clock = new StepClock(run, trainer.position.step, pipeline.batchesPerEpoch);
  const previews = new Previews(run, fitting.model, fitting.chance);
  const stop = () => trainer.stop();
  run.signal.addEventListener('abort', stop);
  let checkpointAt = Date.now();
  const everyMs = run.checkpointEveryMs ?? checkpointMs;
  const timer = setInterval(
    () => {
      if (Date.now() - checkpointAt >= everyMs) stop();
    },
    Math.min(1000, everyMs),
  );
  const save = async () => {
    if (run.events.checkpoint === undefined) return;
    const { step, epoch } = trainer.position;
    const path = join(run.workDir, `checkpoint-${step}.safetensors`);
    await writeCheckpoint(
      path,
      { trainer: await trainer.exportState(), best, record },
      fingerprint,
    );
    await run.events.checkpoint({ path, step, epoch });
    checkpointAt = Date.now();
  };
  try {
    while (record.finishedEpochs < training.epochs && !record.stoppedEarly) {
      run.signal.throwIfAborted();
      const epoch = record.finishedEpochs + 1;
      const { reason } = await trainEpoch(trainer, epoch, (points) => {
        run.events.metrics(points.map(({ step, loss }) => trainPoint(step, loss, pipeline)));
        clock.report(points.at(-1)?.step ?? 0, record.bestEpoch);
        // A stop that came before the engine had started would be lost.
        if (run.signal.aborted) stop();
      });
      run.signal.throwIfAborted();
      if (reason === 'stopped') {
        await save();
        continue;
      }
      const step = trainer.position.step;
      const figures = (await fitting.validate?.())?.metrics;
      if (figures) {
        if (!Number.isFinite(figures.loss)) throw diverged(step, epoch);
        run.events.metrics(validationPoints(step, epoch, figures));
        logInfo(run, epochSentence(epoch, training.epochs, figures));
      }
      record = nextRecord(record, figures ?? null, training.earlyStopping);
      if (record.bestEpoch === epoch) {
        best = copyOf(session, weights);
        // Without a validation split nothing else sees what the last step did.
        if (!Object.values(best).every(hasFiniteValues)) throw diverged(step, epoch);
      }
      if (record.stoppedEarly) {
        logInfo(
          run,
          `Stopped after epoch ${epoch}: validation has not got better since epoch ${record.bestEpoch}.`,
        );
      }
      clock.report(step, record.bestEpoch);
      await save();
      const goesOn = epoch < training.epochs && !record.stoppedEarly;
      if (goesOn) await previews.look(record, best);
    }
    run.signal.throwIfAborted();
  } finally {
    clearInterval(timer);
    run.signal.removeEventListener('abort', stop);
  }
  if (best !== null) session.assign(best);
  return {
    validation: record.bestMetrics,
    bestEpoch: record.bestEpoch,
    steps: trainer.position.step,
  };
}

function hasFiniteValues({ data }: Tensor): boolean {
  return !(data instanceof Float32Array) || data.every(Number.isFinite);
}

function copyOf(session: Session, names: readonly string[]): Record<string, Tensor> {
  const all = session.variables();
  return Object.fromEntries(
    names.flatMap((name) => {
      const tensor = all[name];
      return tensor ? [[name, tensor]] : [];
    }),
  );
}

async function trainEpoch(
  trainer: Trainer,
  epoch: number,
  onMetrics: (points: { step: number; loss: number }[]) => void,
): Promise<Awaited<ReturnType<Trainer['train']>>> {
  try {
    return await trainer.train({ untilEpoch: epoch, onMetrics });
  } catch (error) {
    if (error instanceof EngineError && error.code === 'diverged') {
      throw diverged(trainer.position.step, epoch, error);
    }
    throw error;
  }
}

function diverged(step: number, epoch: number, cause?: Error): VandaError {
  return new VandaError(
    'diverged',
    `The loss diverged at step ${step} (epoch ${epoch}): it is no longer a finite number. A lower learning rate usually helps.`,
    undefined,
    { cause },
  );
}

/**
 * The best epoch is the one with the lowest validation loss; without validation, the last one. A gain below
 * minDelta is kept, but does not hold off early stopping.
 */
function nextRecord(
  record: EpochRecord,
  figures: SplitMetrics | null,
  earlyStopping: Run['spec']['training']['earlyStopping'],
): EpochRecord {
  const finishedEpochs = record.finishedEpochs + 1;
  if (figures === null) return { ...record, finishedEpochs, bestEpoch: finishedEpochs };
  const loss = figures.loss ?? Number.POSITIVE_INFINITY;
  const better =
    record.steadyLoss === null || loss < record.steadyLoss - (earlyStopping?.minDelta ?? 0);
  const epochsSinceBetter = better ? 0 : record.epochsSinceBetter + 1;
  const best = record.bestLoss === null || loss < record.bestLoss;
  return {
    finishedEpochs,
    ...(best
      ? { bestEpoch: finishedEpochs, bestLoss: loss, bestMetrics: figures }
      : {
          bestEpoch: record.bestEpoch,
          bestLoss: record.bestLoss,
          bestMetrics: record.bestMetrics,
        }),
    steadyLoss: better ? loss : record.steadyLoss,
    epochsSinceBetter,
    stoppedEarly: earlyStopping !== null && epochsSinceBetter >= earlyStopping.patience,
  };
}

function trainPoint(step: number, loss: number, pipeline: Pipeline): MetricPoint {
  const epoch = Math.floor((step - 1) / pipeline.batchesPerEpoch) + 1;
  return [step, epoch, 'train.loss', Number.isFinite(loss) ? loss : null];
}

function validationPoints(step: number, epoch: number, figures: SplitMetrics): MetricPoint[] {
  return Object.entries(figures).flatMap(([name, value]): MetricPoint[] =>
    typeof value === 'number' && name !== 'count'
      ? [[step, epoch, `validation.${name}`, Number.isFinite(value) ? value : null]]
      : [],
  );
}

function epochSentence(epoch: number, epochs: number, figures: SplitMetrics): string {
  const named = (['loss', 'accuracy', 'r2'] as const)
    .filter((name) => figures[name] !== undefined)
    .map((name) => `${name} ${(figures[name] ?? 0).toPrecision(4)}`);
  return `Epoch ${epoch} of ${epochs}: validation ${named.join(', ')}.`;
}
