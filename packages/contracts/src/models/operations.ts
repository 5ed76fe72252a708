import { z } from 'zod';
import { resourceName, versionNumber } from '../names.ts';
import { deleted, listOf, listQuery, operation } from '../operation.ts';
import { comparedShow, versionComparison } from './comparison.ts';
import { exportFormat, modelExport } from './export.ts';
import { backboneView, importOptions, modelImport } from './import.ts';
import { model, modelLayers, modelVersion } from './model.ts';

const byName = z.object({ name: resourceName });
const byVersion = z.object({ name: resourceName, version: versionNumber });

export const listModels = operation({
  id: 'models.list',
  method: 'GET',
  path: '/models',
  access: 'project',
  summary: 'Models, newest change first',
  query: listQuery,
  reply: listOf(model),
});
export const getModel = operation({
  id: 'models.get',
  method: 'GET',
  path: '/models/:name',
  access: 'project',
  summary: 'One model',
  params: byName,
  reply: model,
});
export const listModelVersions = operation({
  id: 'models.versions',
  method: 'GET',
  path: '/models/:name/versions',
  access: 'project',
  summary: 'Versions of a model, newest first',
  params: byName,
  query: listQuery,
  reply: listOf(modelVersion),
});
export const getModelVersion = operation({
  id: 'models.version',
  method: 'GET',
  path: '/models/:name/versions/:version',
  access: 'project',
  summary: 'One version with its lineage',
  params: byVersion,
  reply: modelVersion,
});
export const getModelLayers = operation({
  id: 'models.layers',
  method: 'GET',
  path: '/models/:name/versions/:version/layers',
  access: 'project',
  summary: 'The layers of a version that a new head can be put on',
  params: byVersion,
  reply: modelLayers,
});
export const compareModelVersions = operation({
  id: 'models.compare',
  method: 'GET',
  path: '/models/:name/versions/:version/compare/:other',
  access: 'project',
  summary: 'Where two versions answer differently on the test items that they share',
  params: byVersion.extend({ other: versionNumber }),
  query: listQuery.extend({ show: comparedShow.default('all') }),
  reply: versionComparison,
});
export const downloadModelVersion = operation({
  id: 'models.download',
  method: 'GET',
  path: '/models/:name/versions/:version/download',
  access: 'project',
  answers: 'redirect',
  summary: 'A .vanda archive (zip) of model.json and weights.safetensors',
  params: byVersion,
  reply: z.unknown(),
});
export const createExport = operation({
  id: 'exports.create',
  method: 'POST',
  path: '/models/:name/versions/:version/exports',
  access: 'project',
  status: 202,
  idempotent: true,
  summary:
    'Turn a version into another format; what was made before is answered, what failed is tried again',
  params: byVersion,
  body: z.strictObject({ format: exportFormat }),
  reply: modelExport,
});
export const listExports = operation({
  id: 'exports.list',
  method: 'GET',
  path: '/models/:name/versions/:version/exports',
  access: 'project',
  summary: 'What a version was turned into',
  params: byVersion,
  reply: listOf(modelExport),
});
const byExport = byVersion.extend({ format: exportFormat });
export const getExport = operation({
  id: 'exports.get',
  method: 'GET',
  path: '/models/:name/versions/:version/exports/:format',
  access: 'project',
  summary: 'One export with its parity report',
  params: byExport,
  reply: modelExport,
});
export const downloadExport = operation({
  id: 'exports.download',
  method: 'GET',
  path: '/models/:name/versions/:version/exports/:format/download',
  access: 'project',
  answers: 'redirect',
  summary: 'The exported file, or a ZIP archive of several',
  params: byExport,
  reply: z.unknown(),
});
const uploads = z.array(z.string().max(64)).max(10_000);
export const createImport = operation({
  id: 'imports.create',
  method: 'POST',
  path: '/models/:name/imports',
  access: 'project',
  status: 202,
  idempotent: true,
  summary: 'Turn completed uploads of a model of another tool into a version',
  params: byName,
  body: z.strictObject({ uploads: uploads.min(1), options: importOptions.optional() }),
  reply: modelImport,
});
export const listImports = operation({
  id: 'imports.list',
  method: 'GET',
  path: '/imports',
  access: 'project',
  summary: 'Imports and pulls, newest first',
  query: listQuery,
  reply: listOf(modelImport),
});
export const getImport = operation({
  id: 'imports.get',
  method: 'GET',
  path: '/imports/:id',
  access: 'project',
  summary: 'One import',
  params: z.object({ id: z.string().max(64) }),
  reply: modelImport,
});
export const listBackbones = operation({
  id: 'backbones.list',
  method: 'GET',
  path: '/backbones',
  access: 'project',
  summary: 'Trained networks that others can be built on, and which of them are here',
  reply: listOf(backboneView),
});
export const pullBackbone = operation({
  id: 'backbones.pull',
  method: 'POST',
  path: '/backbones/:name/pull',
  access: 'project',
  status: 202,
  idempotent: true,
  summary: 'Make a model version of a network of the shelf; one that is there is answered',
  params: z.object({ name: z.string().max(63) }),
  body: z.strictObject({
    uploads: uploads.optional().meta({
      description: 'Its package, where the worker is not to get it from the registry itself.',
    }),
  }),
  reply: modelImport,
});
export const deleteModel = operation({
  id: 'models.delete',
  method: 'DELETE',
  path: '/models/:name',
  access: 'project',
  summary: 'Delete a model with all its versions',
  params: byName,
  reply: deleted,
});
export const deleteModelVersion = operation({
  id: 'models.deleteVersion',
  method: 'DELETE',
  path: '/models/:name/versions/:version',
  access: 'project',
  summary: 'Delete one version',
  params: byVersion,
  reply: deleted,
});
