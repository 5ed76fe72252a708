import { accountHandlers } from './accounts/handlers.ts';
import { datasetHandlers } from './datasets/handlers.ts';
import { uploadHandlers } from './datasets/uploads.ts';
import { endpointHandlers } from './endpoints/handlers.ts';
import type { Handlers } from './http/handler.ts';
import { jobHandlers } from './jobs/handlers.ts';
import { exportHandlers } from './models/exports.ts';
import { modelHandlers } from './models/handlers.ts';
import { importHandlers } from './models/imports.ts';

/** One handler an operation; the compiler and the boot both refuse a gap. */
export const handlers: Handlers = {
  ...uploadHandlers,
  ...datasetHandlers,
  ...jobHandlers,
  ...modelHandlers,
  ...exportHandlers,
  ...importHandlers,
  ...endpointHandlers,
  ...accountHandlers,
};
