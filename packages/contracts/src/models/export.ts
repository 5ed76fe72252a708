import { z } from 'zod';
import { failure } from '../errors.ts';
import { bytes, timestamp } from '../operation.ts';

/** What a model version can be turned into, for where there is no Vanda. */
export const exportFormat = z
  .enum(['onnx', 'onnx-f16', 'onnx-int8', 'tfjs', 'safetensors'])
  .meta({ id: 'ExportFormat' });
export type ExportFormat = z.infer<typeof exportFormat>;

/** What each format is called and how its file ends; several files come as one ZIP archive. */
export const exportFormats: Record<ExportFormat, { title: string; extension: string }> = {
  onnx: { title: 'ONNX', extension: 'onnx' },
  'onnx-f16': { title: 'ONNX, 16-bit weights', extension: 'onnx' },
  'onnx-int8': { title: 'ONNX, 8-bit', extension: 'onnx' },
  tfjs: { title: 'TensorFlow.js', extension: 'zip' },
  safetensors: { title: 'safetensors', extension: 'zip' },
};

/** How the exported model answers beside the one it was made of, on items of the model's own data. */
export const parityReport = z
  .object({
    items: z.number().int().meta({ description: 'Items that both were asked about.' }),
    split: z
      .enum(['validation', 'test', 'train'])
      .nullable()
      .meta({ description: 'The split that they are of; null where it is not known any more.' }),
    madeUp: z.boolean().meta({
      description:
        'Whether the items are made up, as for an imported model, whose data nobody has.',
    }),
    maxAbsoluteDifference: z
      .number()
      .nullable()
      .meta({ description: 'Of any number of any answer; null where nothing could run it.' }),
    topOneAgreement: z
      .number()
      .nullable()
      .meta({ description: 'The share of items with the same first label; null for numbers.' }),
    accuracy: z
      .number()
      .nullable()
      .meta({ description: 'The share of items that it labels rightly; null for numbers.' }),
    sourceAccuracy: z
      .number()
      .nullable()
      .meta({ description: 'The same of the model that it was made of, on the same items.' }),
    bytes,
    sourceBytes: bytes,
    latencyUs: z
      .number()
      .nullable()
      .meta({ description: 'One item at a time, median, on the machine that exported it.' }),
    ranWith: z.string().nullable().meta({ description: 'What ran the exported model.' }),
  })
  .meta({ id: 'ParityReport' });
export type ParityReport = z.infer<typeof parityReport>;

export const exportState = z.enum(['queued', 'running', 'succeeded', 'failed']);
export type ExportState = z.infer<typeof exportState>;

export const modelExport = z
  .object({
    object: z.literal('export'),
    id: z.string(),
    model: z.string(),
    version: z.number().int(),
    format: exportFormat,
    state: exportState,
    filename: z.string(),
    report: parityReport.nullable(),
    failure: failure.nullable(),
    createdAt: timestamp,
    finishedAt: timestamp.nullable(),
  })
  .meta({ id: 'ModelExport' });
export type ModelExportView = z.infer<typeof modelExport>;
