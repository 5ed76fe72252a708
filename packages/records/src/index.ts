export * from './accounts.ts';
export * from './database.ts';
export * from './ids.ts';
export * from './listen.ts';
export * from './migrate.ts';
export * from './stored-objects.ts';
export * from './tickets.ts';
export * from './transition.ts';
