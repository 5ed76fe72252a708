// Generates the Prisma client into packages/records/src/generated when the schema has changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const schema = join(root, 'prisma/schema.prisma');
const output = join(root, 'packages/records/src/generated');
const stamp = join(output, '.schema-sha256');

const version = JSON.parse(
  readFileSync(join(root, 'node_modules/prisma/package.json'), 'utf8'),
).version;
const hash = createHash('sha256').update(version).update(readFileSync(schema)).digest('hex');

const current = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
if (!current || process.argv.includes('--force')) {
  const args = [join(root, 'node_modules/prisma/build/index.js'), 'generate', '--schema', schema];
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    // The generator needs no schema engine. Without these two, every command of Prisma first asks
    // the network for one. Never /bin/true: `migrate deploy` would then do nothing and exit 0.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/false', CHECKPOINT_DISABLE: '1' },
  });
  if (result.status !== 0) {
    process.stderr.write(
      `${result.stdout}${result.stderr}\nThe Prisma client was not generated.\n`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, hash);
}
