import { type Run, reportProgress } from './run.ts';

const reportEveryMs = 250;

/** Reports how far training is and how long it may still take, a few times a second. */
export class StepClock {
  readonly #run: Run;
  readonly #stepsPerEpoch: number;
  readonly #startStep: number;
  readonly #startedAt = Date.now();
  #reportedAt = 0;

  constructor(run: Run, startStep: number, stepsPerEpoch: number) {
    this.#run = run;
    this.#startStep = startStep;
    this.#stepsPerEpoch = stepsPerEpoch;
  }

  report(step: number, bestEpoch: number): void {
    const now = Date.now();
    const { epochs } = this.#run.spec.training;
    const steps = epochs * this.#stepsPerEpoch;
    if (now - this.#reportedAt < reportEveryMs && step < steps) return;
    this.#reportedAt = now;
    const done = step - this.#startStep;
    const elapsed = (now - this.#startedAt) / 1000;
    reportProgress(this.#run, 'training', step / steps, {
      epoch: Math.min(epochs, Math.floor(Math.max(0, step - 1) / this.#stepsPerEpoch) + 1),
      epochs,
      step,
      steps,
      etaSeconds: done > 0 ? Math.ceil(((steps - step) * elapsed) / done) : null,
      bestEpoch: bestEpoch === 0 ? null : bestEpoch,
    });
  }
}
