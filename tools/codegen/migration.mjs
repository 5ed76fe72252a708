// Makes a migration: `node tools/codegen/migration.mjs NAME` compares prisma/schema.prisma with the snapshot beside
// the newest migration and writes prisma/migrations/<time>_<name>/{migration.sql,schema.prisma}. Read the SQL, then commit it.
// The WebAssembly build of Prisma's schema engine does the comparing; it needs no database and no download.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const name = process.argv[2];
if (!name || !/^[a-z0-9_]+$/.test(name)) {
  console.error(
    'Say what the migration does: node tools/codegen/migration.mjs add_labels (a-z, 0-9 and _).',
  );
  process.exit(1);
}
const engineFolder = join(root, 'node_modules', '@prisma', 'schema-engine-wasm');
const wasm = join(engineFolder, 'schema_engine_bg.wasm');
const bindings = await import(join(engineFolder, 'schema_engine_bg.js'));
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), {
  './schema_engine_bg.js': bindings,
});
bindings.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start?.();

const folder = join(root, 'prisma', 'migrations');
mkdirSync(folder, { recursive: true });
const newest = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort()
  .at(-1);
const file = (path) => ({ path, content: readFileSync(path, 'utf8') });
const before = newest ? join(folder, newest, 'schema.prisma') : null;
const after = join(root, 'prisma', 'schema.prisma');
// Comparing two schema files reads no table; the engine opens a connection only to ask for the provider's manners.
const serverVersion = {
  columnTypes: [5, 7, 0],
  columnNames: ['exists', 'version', 'numeric_version'],
  rows: [[true, 'PostgreSQL 18.0', 180000]],
};
const connection = {
  provider: 'postgres',
  adapterName: '@prisma/adapter-pg',
  startTransaction: () => refuse('transaction'),
  getConnectionInfo: () => ({ schemaName: 'public', supportsRelationJoins: true }),
  queryRaw: async (query) => (query.sql.includes('version()') ? serverVersion : refuse(query)),
  executeRaw: (query) => refuse(query),
  executeScript: (script) => refuse(script),
  dispose: async () => {},
};
const adapter = bindMigrationAwareSqlAdapterFactory({
  provider: 'postgres',
  adapterName: '@prisma/adapter-pg',
  connect: async () => connection,
  connectToShadowDb: async () => connection,
});
function refuse(query) {
  throw new Error(`Making a migration needs no database, but was asked: ${JSON.stringify(query)}`);
}
const engine = await bindings.SchemaEngine.new(
  { datamodels: [[after, file(after).content]] },
  () => {},
  adapter,
);
const target = (path) => ({ tag: 'schemaDatamodel', files: [file(path)] });
const { stdout } = await engine.diff({
  from: before ? target(before) : { tag: 'empty' },
  to: target(after),
  script: true,
  exitCode: null,
  shadowDatabaseUrl: null,
  filters: { externalTables: [], externalEnums: [] },
});
if (!stdout || stdout.includes('This is an empty migration')) {
  console.log('The schema is what the newest migration left: nothing to do.');
  process.exit(0);
}
const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
const made = join(folder, `${stamp}_${name}`);
mkdirSync(made);
writeFileSync(join(made, 'migration.sql'), stdout);
writeFileSync(join(made, 'schema.prisma'), file(after).content);
console.log(`Wrote ${made}`);
