import type { DatePart } from './date-parts.ts';
import { datePart, dateParts } from './date-parts.ts';
import type { ScannedValues } from './scan.ts';

/** Distinct texts that are counted before a column counts as free text. */
export const distinctMax = 20_000;

/** Mean and deviation in one pass (Welford), without the cancellation of sums of squares. */
export class RunningMoments {
  count = 0;
  mean = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  #squares = 0;

  add(value: number): void {
    this.count++;
    const delta = value - this.mean;
    this.mean += delta / this.count;
    this.#squares += delta * (value - this.mean);
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }

  /** Of the population; 1 where it is zero or past what a double holds, so that dividing by it is safe. */
  get deviation(): number {
    const deviation = Math.sqrt(this.#squares / Math.max(1, this.count));
    return deviation > 0 && Number.isFinite(deviation) ? deviation : 1;
  }

  get constant(): boolean {
    return this.count === 0 || this.min === this.max;
  }
}

export interface ColumnStatistics {
  /** @param trains Whether the row at that index (from `from` on) is a training row. */
  add(values: ScannedValues, from: number, trains: (row: number) => boolean): void;
  missing: number;
}

export class NumberStatistics implements ColumnStatistics {
  readonly moments = new RunningMoments();
  missing = 0;
  notFinite = 0;

  add(values: ScannedValues, from: number, trains: (row: number) => boolean): void {
    for (let index = 0; index < values.length; index++) {
      if (!trains(from + index)) continue;
      const value = values[index] as number;
      if (Number.isFinite(value)) this.moments.add(value);
      else {
        this.missing++;
        if (!Number.isNaN(value)) this.notFinite++;
      }
    }
  }
}

export class DateStatistics implements ColumnStatistics {
  readonly parts = new Map<DatePart, RunningMoments>(
    dateParts.map((part) => [part, new RunningMoments()]),
  );
  missing = 0;

  add(values: ScannedValues, from: number, trains: (row: number) => boolean): void {
    for (let index = 0; index < values.length; index++) {
      if (!trains(from + index)) continue;
      const value = values[index] as number;
      if (!Number.isFinite(value)) {
        this.missing++;
        continue;
      }
      for (const [part, moments] of this.parts) moments.add(datePart(part, value));
    }
  }
}

export class CategoryStatistics implements ColumnStatistics {
  readonly counts = new Map<string, number>();
  count = 0;
  missing = 0;
  /** Past distinctMax, where counting stops. */
  overflown = false;

  add(values: ScannedValues, from: number, trains: (row: number) => boolean): void {
    if (this.overflown) return;
    for (let index = 0; index < values.length; index++) {
      if (!trains(from + index)) continue;
      const value = values[index] as string | null;
      if (value === null) {
        this.missing++;
        continue;
      }
      this.count++;
      this.counts.set(value, (this.counts.get(value) ?? 0) + 1);
      if (this.counts.size > distinctMax) {
        this.overflown = true;
        this.counts.clear();
        return;
      }
    }
  }
}
