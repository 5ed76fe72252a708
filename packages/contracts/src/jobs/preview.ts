import { z } from 'zod';
import { timestamp } from '../operation.ts';
import { type SplitMetrics, splitMetrics } from './metrics.ts';

/** The best epoch so far of a job that is not over, as a model that can be tried. */
export const jobPreview = z
  .object({
    epoch: z.number().int(),
    validation: splitMetrics
      .nullable()
      .meta({ description: 'On the validation split; null where that is empty.' }),
    chance: z.number().nullable().meta({
      description:
        "The accuracy of always answering the validation split's most frequent label; null for numbers.",
    }),
    goodEnough: z.boolean().meta({ description: 'Whether it does better than such guessing.' }),
    createdAt: timestamp,
  })
  .meta({ id: 'JobPreview' });
export type JobPreview = z.infer<typeof jobPreview>;

/**
 * Whether a model has learned anything: it is right more often than who always says the most frequent label, or nearer
 * than who always says the mean (R2 above 0). What was not measured is left to whoever tries it.
 */
export function beatsGuessing(validation: SplitMetrics | null, chance: number | null): boolean {
  if (validation?.accuracy !== undefined) return validation.accuracy > (chance ?? 0);
  return validation?.r2 === undefined || validation.r2 > 0;
}
