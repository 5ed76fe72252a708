import { z } from 'zod';
import { jobMetrics } from '../jobs/metrics.ts';
import { tasks } from '../jobs/spec.ts';
import { bytes, timestamp } from '../operation.ts';
import { modelSource } from './import.ts';

/** What a model does. `tensors` is what an imported one does that nothing more is known of. */
export const modelTask = z.enum([...tasks, 'tensors']).meta({ id: 'ModelTask' });
export type ModelTask = z.infer<typeof modelTask>;

/** One input or output of a network, as one instance has it: without the batch. */
export const tensorField = z.object({
  name: z.string(),
  dtype: z.enum(['f32', 'i32', 'i64', 'u8', 'bool']),
  shape: z
    .array(z.number().int())
    .meta({ description: 'Lengths of lists within lists, the outermost first; [] is a number.' }),
});
export type TensorField = z.infer<typeof tensorField>;

/** What a model takes and answers at its endpoint; stored with the version. */
export const tableField = z.object({
  name: z.string(),
  type: z.enum(['number', 'category', 'boolean', 'date']),
  /** Whether a missing value is understood (it had missing values in training). */
  optional: z.boolean(),
  /** Of a category: the known values. */
  values: z.array(z.string()).optional(),
  /** A typical value, to fill forms and snippets with. */
  example: z.union([z.string(), z.number(), z.boolean(), z.null()]),
});
export const modelSignature = z
  .object({
    task: modelTask,
    input: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('picture'), size: z.number().int(), channels: z.number().int() }),
      z.object({ kind: z.literal('row'), fields: z.array(tableField) }),
      z.object({ kind: z.literal('tensors'), tensors: z.array(tensorField) }),
    ]),
    output: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('classes'), labels: z.array(z.string()) }),
      z.object({ kind: z.literal('number'), target: z.string() }),
      z.object({ kind: z.literal('tensors'), tensors: z.array(tensorField) }),
    ]),
  })
  .meta({ id: 'ModelSignature' });
export type ModelSignature = z.infer<typeof modelSignature>;

export const modelVersion = z
  .object({
    object: z.literal('model-version'),
    id: z.string(),
    model: z.string(),
    version: z.number().int(),
    task: modelTask,
    jobId: z.string().nullable().meta({ description: 'null where it was imported.' }),
    dataset: z
      .object({ name: z.string(), version: z.number().int(), contentHash: z.string() })
      .nullable(),
    base: z.string().nullable().meta({ description: 'NAME@VERSION that it was retrained from.' }),
    spec: z.record(z.string(), z.unknown()).nullable(),
    source: modelSource.nullable().meta({ description: 'null where a job made it.' }),
    engineVersion: z.string(),
    signature: modelSignature,
    metrics: jobMetrics,
    bytes,
    predictions: z.string().nullable().meta({
      description:
        'URL of a Parquet file: row id, label (or value), prediction and score of each item of the test split.',
    }),
    endpoints: z.array(z.string()).meta({ description: 'Endpoints that serve it now.' }),
    createdAt: timestamp,
  })
  .meta({ id: 'ModelVersion' });
export type ModelVersionView = z.infer<typeof modelVersion>;

/** Where a version may be cut to put a new head on it. */
export const modelLayers = z
  .object({
    object: z.literal('layers'),
    model: z.string(),
    version: z.number().int(),
    input: z
      .object({ size: z.number().int(), channels: z.number().int() })
      .nullable()
      .meta({ description: 'The pictures that it takes; null where it takes something else.' }),
    layers: z.array(z.string()).meta({ description: 'In the order in which they compute.' }),
    features: z
      .string()
      .nullable()
      .meta({ description: 'The one that a new head goes on, if nothing else is said.' }),
  })
  .meta({ id: 'ModelLayers' });
export type ModelLayersView = z.infer<typeof modelLayers>;

export const model = z
  .object({
    object: z.literal('model'),
    id: z.string(),
    name: z.string(),
    task: modelTask,
    latestVersion: z.number().int(),
    versions: z.number().int(),
    latest: modelVersion.nullable(),
    endpoints: z.array(z.string()),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Model' });
export type ModelView = z.infer<typeof model>;
