import { z } from 'zod';
import { bytes } from '../operation.ts';

/** What ingest found out about a dataset version; stored with it and read by the dashboard, specs and training. */

export const columnType = z.enum(['number', 'integer', 'boolean', 'text', 'date', 'timestamp']);
export type ColumnType = z.infer<typeof columnType>;

export const columnProfile = z
  .object({
    name: z.string(),
    type: columnType,
    count: z.number().int().meta({ description: 'Values that are not null.' }),
    nulls: z.number().int(),
    distinct: z.number().int().meta({ description: 'Approximate above 10,000.' }),
    min: z.union([z.number(), z.string()]).nullable(),
    max: z.union([z.number(), z.string()]).nullable(),
    mean: z.number().nullable(),
    /** At 0.05, 0.25, 0.5, 0.75, 0.95; null for text. */
    quantiles: z.array(z.number()).nullable(),
    top: z.array(z.object({ value: z.string(), count: z.number().int() })),
    histogram: z
      .object({ edges: z.array(z.number()), counts: z.array(z.number().int()) })
      .nullable()
      .optional(),
  })
  .meta({ id: 'ColumnProfile' });
export type ColumnProfile = z.infer<typeof columnProfile>;

/** Items that the data itself puts into a split; all zero where it says nothing. */
export const predefinedSplits = z.object({
  train: z.number().int(),
  validation: z.number().int(),
  test: z.number().int(),
});

export const storedFile = z.object({
  key: z.string(),
  sha256: z.string(),
  bytes,
  items: z.number().int(),
});
export type StoredFile = z.infer<typeof storedFile>;

export const tableProfile = z
  .object({
    kind: z.literal('table'),
    items: z.number().int(),
    splits: predefinedSplits,
    /** The column named split that predefines them, if there is one. */
    splitColumn: z.string().nullable(),
    columns: z.array(columnProfile),
    files: z.array(storedFile).meta({ description: 'Parquet, in row order.' }),
    preview: storedFile,
  })
  .meta({ id: 'TableProfile' });
export type TableProfile = z.infer<typeof tableProfile>;

export const imagesProfile = z
  .object({
    kind: z.literal('images'),
    items: z.number().int(),
    splits: predefinedSplits,
    labels: z.array(z.object({ label: z.string(), count: z.number().int() })),
    /** Of the pictures: most frequent size first, at most 20. */
    sizes: z.array(
      z.object({ width: z.number().int(), height: z.number().int(), count: z.number().int() }),
    ),
    channels: z
      .union([z.literal(1), z.literal(3)])
      .meta({ description: '1 where every picture is grey.' }),
    files: z.array(storedFile).meta({ description: 'WebDataset tar shards, in item order.' }),
    preview: storedFile,
  })
  .meta({ id: 'ImagesProfile' });
export type ImagesProfile = z.infer<typeof imagesProfile>;

export const datasetProfile = z.discriminatedUnion('kind', [tableProfile, imagesProfile]);
export type DatasetProfile = z.infer<typeof datasetProfile>;

/** How many items were taken, and why the others were not. */
export const receipt = z
  .object({
    accepted: z.number().int(),
    rejected: z.number().int(),
    reasons: z.array(
      z.object({ reason: z.string(), count: z.number().int(), examples: z.array(z.string()) }),
    ),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'Receipt' });
export type Receipt = z.infer<typeof receipt>;

/** One value of a table as a page shows it. */
export const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type Cell = z.infer<typeof cell>;

/** What a preview object holds, as JSON. Thumbnails are data URLs of small WebP pictures. */
export const datasetPreview = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('table'),
      columns: z.array(z.string()),
      rows: z.array(z.array(cell)),
    }),
    z.object({
      kind: z.literal('images'),
      pictures: z.array(
        z.object({
          label: z.string(),
          name: z.string(),
          width: z.number(),
          height: z.number(),
          thumbnail: z.string(),
        }),
      ),
    }),
  ])
  .meta({ id: 'DatasetPreview' });
export type DatasetPreview = z.infer<typeof datasetPreview>;
