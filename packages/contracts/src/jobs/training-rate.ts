import { z } from 'zod';

/** How fast trainings go on a worker, as it measured at its start. */
export const trainingRate = z
  .object({
    /** Threads of each training. */
    threads: z.number().int(),
    /** From asking for a training's process until it can begin. */
    startSeconds: z.number().positive(),
    /** What every step takes, however small the network is. */
    stepSeconds: z.number().positive(),
    /** What updating one weight takes in a step. */
    weightSeconds: z.number().positive(),
    /** Floating-point operations a second, in convolutions, forward and backward. */
    operationsPerSecond: z.number().positive(),
    /** Decoding one pixel of a compressed picture. */
    pixelSeconds: z.number().positive(),
  })
  .meta({ id: 'TrainingRate' });
export type TrainingRate = z.infer<typeof trainingRate>;

/** How long a training will take, before it began. */
export const timeEstimate = z
  .object({
    seconds: z.number().meta({ description: 'The most likely time.' }),
    low: z.number(),
    high: z.number(),
    basis: z.enum(['earlier-job', 'calculation']),
    sentence: z
      .string()
      .meta({ description: 'Like "About 40 s, as the last such job took 38 s."' }),
  })
  .meta({ id: 'TimeEstimate' });
export type TimeEstimate = z.infer<typeof timeEstimate>;
