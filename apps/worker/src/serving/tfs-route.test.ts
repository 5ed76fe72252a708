import { expect, test } from 'vitest';
import { readRoute } from './tfs-route.ts';

test.each([
  ['POST', '/v1/models/digits:predict', { kind: 'infer', verb: 'predict', name: 'digits' }],
  ['POST', '/V1/Models/digits:PREDICT', { kind: 'infer', verb: 'predict', name: 'digits' }],
  ['POST', '/v1/models/digits%3Apredict', { kind: 'infer', verb: 'predict', name: 'digits' }],
  [
    'POST',
    '/v1/models/digits/versions/12:classify?x=1',
    { kind: 'infer', verb: 'classify', name: 'digits', version: 12 },
  ],
  [
    'POST',
    '/v1/models/digits/labels/stable:predict',
    { kind: 'infer', verb: 'predict', name: 'digits', label: 'stable' },
  ],
  ['GET', '/v1/models/digits', { kind: 'status', name: 'digits' }],
  ['GET', '/v1/models/digits/versions/2', { kind: 'status', name: 'digits', version: 2 }],
  ['GET', '/v1/models/digits/metadata', { kind: 'metadata', name: 'digits' }],
  ['GET', '/v1/models', { kind: 'status', name: '' }],
  ['GET', '/', { kind: 'alive' }],
  ['GET', '/monitoring/prometheus/metrics', { kind: 'metrics' }],
  ['GET', '/v1/models/digits:predict', { kind: 'malformed' }],
  ['POST', '/v1/models/digits', { kind: 'malformed' }],
  ['POST', '/v1/models/digits/versions/x:predict', { kind: 'malformed' }],
  ['GET', '/%zz', { kind: 'malformed' }],
])('%s %s', (method, url, route) => {
  expect(readRoute(method, url)).toEqual(route);
});
