import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { externalOwners, ownImports } from './import-table.ts';
import type { Finding, Import, SourceFile, SourceTree } from './source-tree.ts';

const builtins = new Set(builtinModules);

/** The import table: our own packages, external ones, no way round a package's front door. */
export function checkImports(tree: SourceTree): Finding[] {
  return tree.files
    .filter((file) => /\.(ts|tsx|mjs)$/.test(file.path))
    .flatMap((file) => file.imports.flatMap((used) => checkImport(tree, file, used)));
}

function checkImport(tree: SourceTree, file: SourceFile, used: Import): Finding[] {
  const say = (message: string) => [{ path: file.path, line: used.line, message }];
  const home = workspaceOf(file.path);
  const { specifier } = used;
  if (specifier.startsWith('.')) return checkRelative(file, used, home);
  if (specifier.startsWith('node:') || builtins.has(specifier)) {
    const inBrowser = home === 'apps/web' && !isTest(file.path) && !isBuildConfig(file.path);
    return inBrowser ? say(`the dashboard runs in a browser, where there is no ${specifier}.`) : [];
  }
  if (!home) return [];
  const own = /^@vanda\/([^/]+)(\/.+)?$/.exec(specifier);
  if (own) {
    const [, name = '', deep] = own;
    if (deep && !tree.doors.get(`packages/${name}`)?.[`.${deep}`]) {
      return say(`${specifier} is no front door of @vanda/${name}: its package.json names those.`);
    }
    if (name === 'testing' && isTest(file.path)) return [];
    const allowed = ownImports[home];
    if (!allowed) return say(`${home} is not in the import table (tools/tidy/import-table.ts).`);
    if (allowed === 'any' || allowed.includes(name) || home === `packages/${name}`) return [];
    const list = allowed.length ? allowed.join(', ') : 'none of our packages';
    return say(`${home} may import ${list}, not ${name}.`);
  }
  const name = packageName(specifier);
  if (isTest(file.path)) return [];
  const owners = externalOwners.find(([pattern]) => pattern.test(name))?.[1];
  if (owners && !owners.includes(home)) {
    return say(`${name} belongs to ${owners.join(' and ')}; ${home} goes through ${owners[0]}.`);
  }
  if (!tree.declared.get(home)?.has(name)) {
    return say(`${name} is not among the dependencies in ${home}/package.json.`);
  }
  return [];
}

function checkRelative(
  file: SourceFile,
  { specifier, line }: Import,
  home: string | null,
): Finding[] {
  const say = (message: string) => [{ path: file.path, line, message }];
  const target = posix.join(posix.dirname(file.path), specifier);
  const there = workspaceOf(target);
  const testing = home === 'packages/testing' || isTest(file.path);
  if (testing && target.startsWith('tools/')) return [];
  if (home && there !== home)
    return say(`${specifier} leaves ${home}: import the package by name.`);
  // Apps have no front door: tests and benches take the part that they mean.
  if (!home && there?.startsWith('packages/')) {
    return say(`${specifier} reaches into ${there}: import the package by name.`);
  }
  return [];
}

/** Files that import each other in a circle at run time; types are erased and may. */
export function checkCycles(tree: SourceTree): Finding[] {
  const known = new Set(tree.files.map((file) => file.path));
  const edges = new Map<string, string[]>();
  for (const file of tree.files) {
    const targets = file.imports
      .filter((used) => !used.typeOnly && used.specifier.startsWith('.'))
      .map((used) => posix.join(posix.dirname(file.path), used.specifier))
      .filter((target) => known.has(target));
    edges.set(file.path, targets);
  }
  const state = new Map<string, 'open' | 'done'>();
  const findings: Finding[] = [];
  const visit = (path: string, trail: string[]) => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      const circle = [...trail.slice(trail.indexOf(path)), path];
      findings.push({ path, message: `imports itself in a circle: ${circle.join(' -> ')}.` });
      return;
    }
    state.set(path, 'open');
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of edges.keys()) visit(path, []);
  return findings;
}

/** `packages/records` or `apps/api`; null for what stands outside the workspaces. */
export function workspaceOf(path: string): string | null {
  return /^(packages|apps)\/[^/]+/.exec(path)?.[0] ?? null;
}

/** Tests and what only they use. */
export function isTest(path: string): boolean {
  if (path.startsWith('tests/')) return true;
  return /(\.test|[.-](fixture|conformance|under-test))\.tsx?$|\/test-[a-z-]+\.ts$/.test(path);
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

/** Read by the build, which runs in Node. */
function isBuildConfig(path: string): boolean {
  return path.endsWith('/vite.config.ts');
}
