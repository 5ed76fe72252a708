import { expect, test } from 'vitest';
import { root } from '../setup/npm-packages.mjs';
import { checkTree } from './check-tree.ts';
import { parseSource, readTree, type SourceTree } from './source-tree.ts';

/** What the rules say about a small tree, as `path: message`. */
function check(files: Record<string, string>): string[] {
  const tree: SourceTree = {
    files: Object.entries(files).map(([path, text]) => parseSource(path, text)),
    declared: new Map([
      ['packages/records', new Set(['@vanda/contracts', 'pg'])],
      ['apps/api', new Set(['@vanda/records', 'fastify', 'pg'])],
      ['apps/worker', new Set(['@vanda/engine', 'pino'])],
    ]),
    doors: new Map([['packages/records', { '.': './src/index.ts', './views': './src/views.ts' }]]),
  };
  return checkTree(tree).map(({ path, message }) => `${path}: ${message}`);
}

const word = (...parts: string[]) => parts.join('');

test('what the table allows is silent', () => {
  const files = {
    'apps/api/src/main.ts':
      "import { list } from '@vanda/records';\nimport fastify from 'fastify';\n",
    'packages/records/src/index.ts':
      "import pg from 'pg';\nimport type { Job } from '@vanda/contracts';\n",
    'packages/records/src/jobs.test.ts': "import { startPostgres } from '@vanda/testing';\n",
    'tests/e2e/first.test.ts':
      "import { startStack } from '@vanda/testing';\nimport pg from 'pg';\n",
  };
  expect(check(files)).toEqual([]);
});

test('an import that the table forbids is named with what is allowed', () => {
  const said = check({ 'apps/api/src/main.ts': "import { train } from '@vanda/engine';\n" });
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('may import contracts, lifecycle, records, objects, queue, not engine');
});

test('an import over several lines and a dynamic one are seen too', () => {
  const several = "import {\n  train,\n  predict,\n} from '@vanda/engine';\n";
  expect(check({ 'apps/api/src/main.ts': several })[0]).toContain('not engine');
  expect(check({ 'apps/api/src/main.ts': "await import('@vanda/engine');\n" })[0]).toContain(
    'engine',
  );
});

test('an external package belongs to its owner and is declared', () => {
  expect(check({ 'apps/api/src/main.ts': "import pg from 'pg';\n" })[0]).toContain('belongs to');
  const undeclared = check({ 'apps/api/src/main.ts': "import x from 'left-pad';\n" });
  expect(undeclared[0]).toContain('apps/api/package.json');
});

test('nobody goes round the front door of a package', () => {
  const deep = check({ 'apps/api/src/main.ts': "import { a } from '@vanda/records/src/a.ts';\n" });
  expect(deep[0]).toContain('front door');
  const second = "import { a } from '@vanda/records/views';\n";
  expect(check({ 'apps/api/src/main.ts': second })).toEqual([]);
  const relative = "import { a } from '../../../packages/records/src/a.ts';\n";
  expect(check({ 'apps/api/src/main.ts': relative })[0]).toContain('by name');
  const fromTests = "import { a } from '../../packages/records/src/a.ts';\n";
  expect(check({ 'tests/x/first.test.ts': fromTests })[0]).toContain('by name');
  const part = "import { a } from '../../apps/worker/src/a.ts';\n";
  expect(check({ 'tests/x/first.test.ts': part })).toEqual([]);
});

test('tests may have the test servers, the product may not', () => {
  const said = check({ 'packages/records/src/index.ts': "import { a } from '@vanda/testing';\n" });
  expect(said[0]).toContain('not testing');
});

test('a circle is found, one of types is none', () => {
  const circle = (keyword: string) => ({
    'tools/x/main.ts': `${keyword} { b } from './index.ts';\nexport const a = 1;\n`,
    'tools/x/index.ts': "import { a } from './main.ts';\nexport const b = a;\n",
  });
  expect(check(circle('import')).join()).toContain('circle');
  expect(check(circle('import type'))).toEqual([]);
});

test('the layers of the engine are kept', () => {
  const core = check({ 'native/core/graph.cpp': '#include "ops/elementwise.hpp"\n' });
  expect(core[0]).toContain('native/core may include core, not ops');
  expect(check({ 'native/core/graph.cpp': '#include <dnnl.hpp>\n' })[0]).toContain(
    'standard library',
  );
  const runtime = check({ 'native/runtime/plan.cpp': '#include "backend/cpu/cpu.hpp"\n' });
  expect(runtime[0]).toContain('one backend');
  expect(check({ 'native/runtime/plan.cpp': '#include "backend/backend.hpp"\n' })).toEqual([]);
  expect(check({ 'native/ops/conv.cpp': '#include <dnnl.hpp>\n' })[0]).toContain('oneDNN');
});

test('names say something and are spelled as agreed', () => {
  expect(check({ 'apps/api/src/utils.ts': '' })[0]).toContain('says nothing');
  expect(check({ 'apps/api/src/helpers/x.ts': '' })[0]).toContain('says nothing');
  expect(check({ 'apps/api/src/JobTable.ts': '' })[0]).toContain('kebab-case');
  expect(check({ 'native/ops/conv-op.cpp': '' })[0]).toContain('snake_case');
  expect(check({ 'apps/api/src/jobs/index.ts': '' })[0]).toContain('barrels');
});

test('a file that grew too long is named with its length', () => {
  const long = '\n'.repeat(401);
  expect(check({ 'apps/api/src/main.ts': long })[0]).toContain('401 lines');
  expect(check({ 'native/ops/conv.cpp': long })).toEqual([]);
});

test('left-over lines are found', () => {
  const skip = `${word('test', '.skip')}('x', () => {});\n`;
  expect(check({ 'tests/x.test.ts': skip })[0]).toContain('every test runs');
  const mark = `// ${word('TO', 'DO')}: later\n`;
  expect(check({ 'tools/x/main.ts': mark })[0]).toContain('unfinished');
  const env = 'const port = process.env.PORT;\n';
  expect(check({ 'apps/api/src/server/start.ts': env })[0]).toContain('config.ts');
  expect(check({ 'apps/api/src/config.ts': env })).toEqual([]);
});

test('an export that nobody imports is dead', () => {
  const dead = { 'apps/api/src/jobs/list.ts': 'export const listJobs = 1;\n' };
  expect(check(dead)[0]).toContain('nobody imports listJobs');
  const used = { ...dead, 'apps/api/src/main.ts': "import { listJobs } from './jobs/list.ts';\n" };
  expect(check(used)).toEqual([]);
  const surface = {
    'packages/records/src/index.ts': "export * from './jobs.ts';\n",
    'packages/records/src/jobs.ts': 'export const findJob = 1;\n',
  };
  expect(check(surface)).toEqual([]);
});

test('the whole tree is read', () => {
  const tree = readTree(root);
  checkTree(tree);
  expect(tree.files.length).toBeGreaterThan(50);
});
