import { z } from 'zod';
import { resourceName, versionedName } from '../names.ts';
import { deleted, listOf, listQuery, operation } from '../operation.ts';
import { endpoint, ledgerEntry } from './endpoint.ts';
import { predictBody, predictReply } from './predict.ts';

const byName = z.object({ name: resourceName });

export const createEndpoint = operation({
  id: 'endpoints.create',
  method: 'POST',
  path: '/endpoints',
  access: 'project',
  status: 201,
  idempotent: true,
  summary: 'Create an endpoint, bound to one model',
  body: z.strictObject({ name: resourceName, model: versionedName }),
  reply: endpoint,
});
export const listEndpoints = operation({
  id: 'endpoints.list',
  method: 'GET',
  path: '/endpoints',
  access: 'project',
  summary: 'Endpoints, newest first',
  query: listQuery,
  reply: listOf(endpoint),
});
export const getEndpoint = operation({
  id: 'endpoints.get',
  method: 'GET',
  path: '/endpoints/:name',
  access: 'project',
  summary: 'One endpoint',
  params: byName,
  reply: endpoint,
});
export const getLedger = operation({
  id: 'endpoints.ledger',
  method: 'GET',
  path: '/endpoints/:name/ledger',
  access: 'project',
  summary: 'Every change of an endpoint, newest first',
  params: byName,
  query: listQuery,
  reply: listOf(ledgerEntry),
});
export const deployEndpoint = operation({
  id: 'endpoints.deploy',
  method: 'POST',
  path: '/endpoints/:name/deploy',
  access: 'project',
  status: 200,
  summary:
    'Serve another version of the model; answers when an inference server does, or after 30 s',
  params: byName,
  body: z.strictObject({ model: versionedName }),
  reply: endpoint,
});
export const rollbackEndpoint = operation({
  id: 'endpoints.rollback',
  method: 'POST',
  path: '/endpoints/:name/rollback',
  access: 'project',
  status: 200,
  summary: 'Serve the version before, or the one that ledger entry `to` served',
  params: byName,
  body: z.strictObject({ to: z.number().int().min(1).optional() }).optional(),
  reply: endpoint,
});
export const deleteEndpoint = operation({
  id: 'endpoints.delete',
  method: 'DELETE',
  path: '/endpoints/:name',
  access: 'project',
  summary: 'Delete an endpoint',
  params: byName,
  reply: deleted,
});
export const predictEndpoint = operation({
  id: 'endpoints.predict',
  method: 'POST',
  path: '/endpoints/:name/predict',
  access: 'project',
  status: 200,
  summary: 'Forward instances to the inference server (the try-it box)',
  params: byName,
  body: predictBody,
  reply: predictReply,
});
