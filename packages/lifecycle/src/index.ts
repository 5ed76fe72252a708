export * from './datasets.ts';
export * from './endpoints.ts';
export * from './jobs.ts';
export * from './machine.ts';
export * from './models.ts';
