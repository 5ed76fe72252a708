import { z } from 'zod';
import { cell } from '../datasets/profile.ts';
import { listOf } from '../operation.ts';
import { modelTask } from './model.ts';

const answer = z.object({
  said: z.union([z.string(), z.number()]),
  score: z.number().nullable().meta({ description: 'How sure a classification was, 0 to 1.' }),
});

/** One item of both test splits on which two versions answer differently. */
export const comparedItem = z
  .object({
    id: z.string(),
    row: z
      .number()
      .int()
      .meta({ description: "The item's row in the data of the second version." }),
    truth: z.union([z.string(), z.number()]),
    first: answer,
    second: answer,
    picture: z
      .object({
        name: z.string(),
        width: z.number(),
        height: z.number(),
        thumbnail: z.string().meta({ description: 'A data URL of a small WebP picture.' }),
      })
      .nullable(),
    cells: z.array(cell).nullable().meta({ description: 'The row, in the order of `columns`.' }),
  })
  .meta({ id: 'ComparedItem' });
export type ComparedItem = z.infer<typeof comparedItem>;

/** Which items a page shows: those that only one version has right (or is closer on), or both have wrong differently. */
export const comparedShow = z.enum(['all', 'first', 'second', 'neither']);
export type ComparedShow = z.infer<typeof comparedShow>;

export const comparisonCounts = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('classes'),
    bothRight: z.number().int(),
    onlyFirst: z.number().int(),
    onlySecond: z.number().int(),
    bothWrong: z.number().int(),
    bothWrongDifferently: z.number().int().meta({ description: 'Of bothWrong.' }),
  }),
  z.object({
    kind: z.literal('numbers'),
    firstCloser: z.number().int(),
    secondCloser: z.number().int(),
    alike: z.number().int(),
  }),
]);
export type ComparisonCounts = z.infer<typeof comparisonCounts>;

/** Where two versions differ on the test items that they share; the largest differences come first. */
export const versionComparison = listOf(comparedItem)
  .extend({
    model: z.string(),
    task: modelTask,
    first: z.number().int(),
    second: z.number().int(),
    shared: z.number().int().meta({ description: 'Items that were compared.' }),
    matchedBy: z.enum(['row', 'content']).meta({
      description:
        'By row where both were trained on one dataset version, else by what an item holds.',
    }),
    note: z
      .string()
      .nullable()
      .meta({ description: 'Why nothing or not everything was compared.' }),
    counts: comparisonCounts.nullable(),
    columns: z.array(z.string()).nullable().meta({ description: 'Of a table.' }),
  })
  .meta({ id: 'VersionComparison' });
export type VersionComparison = z.infer<typeof versionComparison>;
