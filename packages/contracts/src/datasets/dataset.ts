import { z } from 'zod';
import { failure } from '../errors.ts';
import { resourceName } from '../names.ts';
import { bytes, timestamp } from '../operation.ts';
import { columnType, datasetProfile, receipt } from './profile.ts';

export const datasetKind = z.enum(['table', 'images']);
export type DatasetKind = z.infer<typeof datasetKind>;

export const dataset = z
  .object({
    object: z.literal('dataset'),
    id: z.string(),
    name: resourceName,
    kind: datasetKind.nullable().meta({ description: 'null until a first push succeeded.' }),
    latestVersion: z.number().int().meta({ description: '0 until a first push succeeded.' }),
    versions: z.number().int(),
    items: z.number().int(),
    bytes,
    ingesting: z.boolean(),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Dataset' });
export type Dataset = z.infer<typeof dataset>;

export const datasetVersion = z
  .object({
    object: z.literal('dataset-version'),
    id: z.string(),
    dataset: resourceName,
    version: z.number().int(),
    kind: datasetKind,
    contentHash: z.string(),
    items: z.number().int(),
    rejected: z.number().int(),
    bytes,
    profile: datasetProfile,
    receipt: receipt.nullable(),
    rejectedUrl: z
      .string()
      .nullable()
      .meta({ description: 'JSON lines: every rejected item with its reason.' }),
    usedBy: z.array(z.object({ jobId: z.string(), model: z.string(), state: z.string() })),
    createdAt: timestamp,
  })
  .meta({ id: 'DatasetVersion' });
export type DatasetVersion = z.infer<typeof datasetVersion>;

export const ingestState = z.enum(['queued', 'running', 'succeeded', 'failed']);
export type IngestState = z.infer<typeof ingestState>;

export const ingestOptions = z.strictObject({
  kind: datasetKind.optional(),
  columns: z
    .record(z.string().min(1).max(4096), columnType)
    .optional()
    .meta({ description: 'Types to use instead of the inferred ones.' }),
});
export type IngestOptions = z.infer<typeof ingestOptions>;

export const taskProgress = z.object({
  percent: z.number().min(0).max(100),
  etaSeconds: z.number().nullable().optional(),
  note: z.string().optional(),
});

export const ingest = z
  .object({
    object: z.literal('ingest'),
    id: z.string(),
    dataset: resourceName,
    state: ingestState,
    progress: taskProgress.nullable(),
    receipt: receipt.nullable(),
    version: z.number().int().nullable(),
    reused: z.boolean(),
    failure: failure.nullable(),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
  })
  .meta({ id: 'Ingest' });
export type Ingest = z.infer<typeof ingest>;

export const uploadState = z.enum(['open', 'completed', 'aborted', 'expired']);
export const uploadPart = z.object({ number: z.number().int(), url: z.string() });
export const upload = z
  .object({
    object: z.literal('upload'),
    uploadId: z.string(),
    state: uploadState,
    filename: z.string(),
    size: bytes,
    partSize: bytes,
    parts: z
      .array(uploadPart)
      .meta({ description: 'Signed URLs to PUT the parts to; more by :sign.' }),
    received: z.array(z.object({ number: z.number().int(), size: bytes, etag: z.string() })),
    expiresAt: timestamp,
  })
  .meta({ id: 'Upload' });
export type Upload = z.infer<typeof upload>;
