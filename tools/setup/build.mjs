// Builds what is not in the repository: the Prisma client, the native engine, the dashboard.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pinnedNode, root } from './npm-packages.mjs';
import { step } from './progress.mjs';
import { mustRun } from './run-command.mjs';

const stamps = join(root, 'node_modules/.cache/vanda-build');

/**
 * @typedef {object} Product
 * @property {string} name
 * @property {string} title
 * @property {string[]} sources files and folders that it is made of
 * @property {string} output it is made again when this is missing
 * @property {() => [string, string[]]} command
 */

/** @type {Product[]} */
const products = [
  {
    name: 'prisma',
    title: 'Generating the database client',
    sources: [
      'prisma/schema.prisma',
      'tools/codegen/prisma.mjs',
      'node_modules/prisma/package.json',
    ],
    output: 'packages/records/src/generated/client.ts',
    command: () => [pinnedNode, ['tools/codegen/prisma.mjs']],
  },
  {
    name: 'native',
    title: 'Building the native engine',
    sources: ['native', 'tools/native/build.mjs'],
    output: 'build/native/vanda_engine.node',
    command: () => [pinnedNode, ['tools/native/build.mjs']],
  },
  {
    name: 'web',
    title: 'Building the dashboard',
    sources: ['apps/web', 'packages/client/src', 'packages/contracts/src', 'package-lock.json'],
    output: 'apps/web/dist/index.html',
    command: () => [pinnedNode, [join(root, 'node_modules/vite/bin/vite.js'), 'build', 'apps/web']],
  },
];

/** Makes what is missing or older than its sources. Nothing is made for a machine that is done. */
export async function ensureBuilt() {
  for (const product of products) {
    const stamp = join(stamps, product.name);
    const hash = hashSources(product.sources);
    const made = existsSync(join(root, product.output)) && existsSync(stamp);
    if (made && readFileSync(stamp, 'utf8') === hash) continue;
    const [command, args] = product.command();
    const failed = `${product.title} failed`;
    const env = { ...process.env, PATH: `${dirname(pinnedNode)}:${process.env.PATH}` };
    let fraction = null;
    await step(product.title, (report) =>
      mustRun(failed, command, args, {
        cwd: root,
        env,
        onLine: (line) => {
          fraction = fractionOf(line) ?? fraction;
          report(fraction);
        },
      }),
    );
    mkdirSync(stamps, { recursive: true });
    writeFileSync(stamp, hash);
  }
}

/** A compiler of many files says how far it is: `42%`. */
function fractionOf(line) {
  const percent = /\b(\d{1,3})%/.exec(line);
  return percent ? Number(percent[1]) / 100 : null;
}

/** Names, sizes and contents of the sources; folders that are made are none of them. */
function hashSources(sources) {
  const hash = createHash('sha256').update(process.arch);
  const visit = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const entry of readdirSync(full).sort()) {
        if (!['node_modules', 'build', 'dist', 'generated'].includes(entry))
          visit(join(path, entry));
      }
    } else {
      hash.update(path).update('\0').update(readFileSync(full)).update('\0');
    }
  };
  for (const source of sources) visit(source);
  return hash.digest('hex');
}
