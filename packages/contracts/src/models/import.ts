import { z } from 'zod';
import { failure } from '../errors.ts';
import { resourceName } from '../names.ts';
import { bytes, timestamp } from '../operation.ts';

/** What a model version can be made of, and how each is called. */
export const sourceFormats = {
  onnx: 'ONNX',
  keras: 'Keras',
  'tfjs-layers': 'TensorFlow.js layers model',
  'tfjs-graph': 'TensorFlow.js graph model',
  pytorch: 'PyTorch weights',
  vanda: 'Vanda',
} as const;
export const sourceFormat = z
  .enum(Object.keys(sourceFormats) as [SourceFormat, ...SourceFormat[]])
  .meta({ id: 'SourceFormat' });
export type SourceFormat = keyof typeof sourceFormats;

/** One number, or one for each channel of a pixel. */
const perChannel = z.array(z.number()).min(1).max(3);
const notZero = z.number().refine((value) => Math.abs(value) >= 1e-12, {
  error: 'Must not be 0: pixels are divided by it.',
});

export const importOptions = z.strictObject({
  labels: z
    .array(z.string().min(1).max(200))
    .min(2)
    .max(100_000)
    .optional()
    .meta({ description: 'What the model tells apart in pictures, in the order of its output.' }),
  subtract: perChannel.optional().meta({
    description:
      'The model takes pictures of (pixel - subtract) / divide, with pixels of 0 to 255: one number, or one a channel.',
  }),
  divide: z.array(notZero).min(1).max(3).optional(),
  dims: z
    .record(z.string().min(1).max(200), z.number().int().min(1).max(1_000_000))
    .optional()
    .meta({ description: 'Sizes of dims that an ONNX file leaves open, by their names there.' }),
});
export type ImportOptions = z.infer<typeof importOptions>;

/** Where a version that no job made came from. */
export const modelSource = z
  .object({
    format: sourceFormat,
    files: z
      .array(z.object({ name: z.string(), bytes, sha256: z.string() }))
      .meta({ description: 'What was brought, in the order of names.' }),
    backbone: z.string().nullable().meta({ description: 'Its name on the shelf.' }),
    package: z.string().nullable().meta({ description: 'NAME@VERSION of a package registry.' }),
  })
  .meta({ id: 'ModelSource' });
export type ModelSource = z.infer<typeof modelSource>;

export const importState = z.enum(['queued', 'running', 'succeeded', 'failed']);
export type ImportState = z.infer<typeof importState>;

export const modelImport = z
  .object({
    object: z.literal('import'),
    id: z.string(),
    model: resourceName,
    backbone: z.string().nullable(),
    state: importState,
    note: z.string().nullable().meta({ description: 'What is being done.' }),
    version: z.number().int().nullable().meta({ description: 'The version that it made.' }),
    failure: failure.nullable(),
    createdAt: timestamp,
    finishedAt: timestamp.nullable(),
  })
  .meta({ id: 'ModelImport' });
export type ModelImportView = z.infer<typeof modelImport>;

/** One network of the shelf, and what of it is here. */
export const backboneView = z
  .object({
    object: z.literal('backbone'),
    name: z.string(),
    source: z.object({
      registry: z.enum(['npm', 'PyPI']),
      package: z.string(),
      version: z.string(),
    }),
    licence: z.string(),
    trainedOn: z.string(),
    bytes: bytes.meta({ description: 'Of the files that are read.' }),
    parameters: z.number().int(),
    input: z
      .object({ size: z.number().int(), subtract: z.number(), divide: z.number() })
      .meta({ description: 'Pictures of (pixel - subtract) / divide.' }),
    features: z
      .object({ place: z.string(), width: z.number().int() })
      .meta({ description: 'The layer that a new head is put on.' }),
    files: z
      .array(z.object({ path: z.string(), bytes, sha256: z.string() }))
      .meta({ description: 'Within the unpacked package.' }),
    model: resourceName.meta({ description: 'The model that it becomes when it is pulled.' }),
    version: z.number().int().nullable().meta({ description: 'null where it was not pulled yet.' }),
    import: modelImport.nullable().meta({ description: 'The newest pull.' }),
  })
  .meta({ id: 'Backbone' });
export type BackboneView = z.infer<typeof backboneView>;
