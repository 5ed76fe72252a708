import { z } from 'zod';
import { resourceName, versionNumber } from '../names.ts';
import { bytes, deleted, listOf, listQuery, operation } from '../operation.ts';
import { dataset, datasetVersion, ingest, ingestOptions, upload } from './dataset.ts';
import { datasetPreview } from './profile.ts';

const byName = z.object({ name: resourceName });
const byVersion = z.object({ name: resourceName, version: versionNumber });
const byUpload = z.object({ id: z.string().max(64) });
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: 'Must be a SHA-256 in 64 hexadecimal digits.' });

export const createUpload = operation({
  id: 'uploads.create',
  method: 'POST',
  path: '/uploads',
  access: 'project',
  status: 201,
  idempotent: true,
  summary: 'Begin a multipart upload',
  body: z.strictObject({
    filename: z.string().min(1).max(4096),
    size: bytes.max(5 * 2 ** 40),
    contentType: z.string().max(255).default('application/octet-stream'),
    sha256: sha256.optional(),
  }),
  reply: upload,
});
export const getUpload = operation({
  id: 'uploads.get',
  method: 'GET',
  path: '/uploads/:id',
  access: 'project',
  summary: 'What of an upload has arrived',
  params: byUpload,
  reply: upload,
});
export const signUpload = operation({
  id: 'uploads.sign',
  method: 'POST',
  path: '/uploads/:id/sign',
  access: 'project',
  status: 200,
  summary: 'More signed part URLs',
  params: byUpload,
  body: z.strictObject({ parts: z.array(z.number().int().min(1).max(10_000)).min(1).max(1000) }),
  reply: upload,
});
export const completeUpload = operation({
  id: 'uploads.complete',
  method: 'POST',
  path: '/uploads/:id/complete',
  access: 'project',
  status: 200,
  summary: 'Put the parts together (idempotent)',
  params: byUpload,
  body: z.strictObject({
    parts: z
      .array(z.object({ number: z.number().int().min(1), etag: z.string().max(256) }))
      .max(10_000)
      .optional(),
    sha256: sha256.optional(),
  }),
  reply: upload,
});
export const abortUpload = operation({
  id: 'uploads.abort',
  method: 'DELETE',
  path: '/uploads/:id',
  access: 'project',
  summary: 'Give an upload up and free its bytes',
  params: byUpload,
  reply: deleted,
});

export const listDatasets = operation({
  id: 'datasets.list',
  method: 'GET',
  path: '/datasets',
  access: 'project',
  summary: 'Datasets, newest change first',
  query: listQuery,
  reply: listOf(dataset),
});
export const getDataset = operation({
  id: 'datasets.get',
  method: 'GET',
  path: '/datasets/:name',
  access: 'project',
  summary: 'One dataset',
  params: byName,
  reply: dataset,
});
export const deleteDataset = operation({
  id: 'datasets.delete',
  method: 'DELETE',
  path: '/datasets/:name',
  access: 'project',
  summary: 'Delete a dataset with all its versions',
  params: byName,
  reply: deleted,
});
export const listDatasetVersions = operation({
  id: 'datasets.versions',
  method: 'GET',
  path: '/datasets/:name/versions',
  access: 'project',
  summary: 'Versions of a dataset, newest first',
  params: byName,
  query: listQuery,
  reply: listOf(datasetVersion),
});
export const getDatasetVersion = operation({
  id: 'datasets.version',
  method: 'GET',
  path: '/datasets/:name/versions/:version',
  access: 'project',
  summary: 'One version with its statistics',
  params: byVersion,
  reply: datasetVersion,
});
export const deleteDatasetVersion = operation({
  id: 'datasets.deleteVersion',
  method: 'DELETE',
  path: '/datasets/:name/versions/:version',
  access: 'project',
  summary: 'Delete one version',
  params: byVersion,
  reply: deleted,
});
export const getDatasetPreview = operation({
  id: 'datasets.preview',
  method: 'GET',
  path: '/datasets/:name/versions/:version/preview',
  access: 'project',
  summary: 'Sample rows or thumbnails',
  params: byVersion,
  reply: datasetPreview,
});

export const createIngest = operation({
  id: 'ingests.create',
  method: 'POST',
  path: '/datasets/:name/ingests',
  access: 'project',
  status: 202,
  idempotent: true,
  summary: 'Turn completed uploads into a dataset version',
  params: byName,
  body: z.strictObject({
    uploads: z.array(z.string().max(64)).min(1).max(100_000),
    options: ingestOptions.optional(),
  }),
  reply: ingest,
});
export const listIngests = operation({
  id: 'ingests.list',
  method: 'GET',
  path: '/datasets/:name/ingests',
  access: 'project',
  summary: 'Pushes to a dataset, newest first',
  params: byName,
  query: listQuery,
  reply: listOf(ingest),
});
export const getIngest = operation({
  id: 'ingests.get',
  method: 'GET',
  path: '/ingests/:id',
  access: 'project',
  summary: 'One push',
  params: byUpload,
  reply: ingest,
});
