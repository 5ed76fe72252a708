import { checkExports } from './check-exports.ts';
import { checkFiles, checkLines } from './check-files.ts';
import { checkCycles, checkImports } from './check-imports.ts';
import { checkNative } from './check-native.ts';
import type { Finding, SourceTree } from './source-tree.ts';

/** Every rule over the whole tree, sorted by place. */
export function checkTree(tree: SourceTree): Finding[] {
  const rules = [checkImports, checkCycles, checkNative, checkFiles, checkLines, checkExports];
  const findings = rules.flatMap((rule) => rule(tree));
  return findings.sort((a, b) => a.path.localeCompare(b.path) || (a.line ?? 0) - (b.line ?? 0));
}
