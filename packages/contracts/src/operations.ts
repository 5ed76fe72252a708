import * as accounts from './accounts/operations.ts';
import * as datasets from './datasets/operations.ts';
import * as endpoints from './endpoints/operations.ts';
import * as jobs from './jobs/operations.ts';
import * as models from './models/operations.ts';

const { apiKey: _, ...accountOperations } = accounts;

/** Every operation of the management API, in noun order. A server that lacks a handler for one does not boot. */
export const operations = { ...datasets, ...jobs, ...models, ...endpoints, ...accountOperations };
export type OperationName = keyof typeof operations;
