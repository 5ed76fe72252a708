import { type CompletedSpec, type JobProgress, trainsOnFeatures } from '@vanda/contracts';
import type { SessionOptions } from '@vanda/engine';
import type { TrainingEvents, TrainingOptions } from '../training.ts';

/** What every part of one training run needs to know, whatever the task. */
export interface Run extends TrainingOptions {
  spec: CompletedSpec;
  events: TrainingEvents;
}

/** How a run's session is made: its threads, what it multiplies in, and the most that a plan of it may need. */
export function sessionOptions(run: Run): SessionOptions {
  const { memoryMiB } = run.spec.resources;
  return {
    threads: run.threads,
    precision: run.spec.training.precision,
    ...(memoryMiB === undefined ? {} : { memoryLimit: memoryMiB * 1024 * 1024 }),
  };
}

export function logInfo(run: Run, text: string): void {
  run.events.log({ at: new Date().toISOString(), level: 'info', text });
}

export function logWarnings(run: Run, warnings: readonly string[]): void {
  const at = new Date().toISOString();
  for (const text of warnings) run.events.log({ at, level: 'warn', text });
}

/** The share of the whole run's percent that each phase begins and ends at. */
const phases = {
  preparing: [0, 5],
  /** What a frozen base says about each picture, before a head trains on it. */
  features: [5, 70],
  training: [5, 96],
  evaluating: [96, 99],
  saving: [99, 100],
} as const;
export type Phase = keyof typeof phases;

export function reportProgress(
  run: Run,
  phase: Phase,
  fraction: number,
  rest: Omit<JobProgress, 'percent' | 'phase'> = {},
): void {
  const [start, to] = phases[phase];
  const from = phase === 'training' && trainsOnFeatures(run.spec) ? phases.features[1] : start;
  const percent = from + (to - from) * Math.min(1, Math.max(0, fraction));
  run.events.progress({ percent: Math.round(percent * 10) / 10, phase, ...rest });
}
