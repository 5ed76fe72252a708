import { isTest, workspaceOf } from './check-imports.ts';
import type { Finding, SourceFile, SourceTree } from './source-tree.ts';

const emptyNames = ['util', 'helper', 'common', 'misc', 'manager', 'base'];
const emptyName = new RegExp(`^(${emptyNames.join('|')})s?$`);
const linesMax = { script: 400, cpp: 800 };

/** Names that say something, in the agreed spelling, and files that fit a head. */
export function checkFiles(tree: SourceTree): Finding[] {
  return tree.files.flatMap((file) => [
    ...checkName(file),
    ...checkSize(file),
    ...checkBarrel(file),
  ]);
}

function checkName({ path }: SourceFile): Finding[] {
  const segments = path.split('/');
  const name = segments.at(-1) ?? '';
  const stem = name.split('.')[0] ?? '';
  const empty = [...segments.slice(0, -1), stem].find((segment) => emptyName.test(segment));
  if (empty) return [{ path, message: `"${empty}" says nothing: name it after what it does.` }];
  const script = /\.(ts|tsx|mjs)$/.test(name);
  const spelling = script ? /^[a-z0-9]+(-[a-z0-9]+)*$/ : /^[a-z0-9]+(_[a-z0-9]+)*$/;
  if (spelling.test(stem)) return [];
  return [{ path, message: `a file is named in ${script ? 'kebab-case' : 'snake_case'}.` }];
}

function checkSize({ path, lines }: SourceFile): Finding[] {
  const max = /\.(ts|tsx|mjs)$/.test(path) ? linesMax.script : linesMax.cpp;
  const count = lines.length - 1;
  if (count <= max) return [];
  return [{ path, message: `${count} lines; past ${max} there is a seam to cut along.` }];
}

function checkBarrel({ path }: SourceFile): Finding[] {
  if (!/^apps\/.*\/index\.tsx?$/.test(path)) return [];
  return [{ path, message: 'apps have no barrels: import the file itself.' }];
}

const skipped = /\b(it|test|describe|suite)\.(skip|only|todo)\b|\bxit\(|\b(DOCTEST|GTEST)_SKIP\b/;
// Spelled in parts, so that this file does not find itself.
const unfinished = new RegExp(
  `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`,
);
const admitted = new RegExp(`not (yet )?${'implemented'}`, 'i');
const environment = /\bprocess\.env\b/;
/** main.ts hands the environment to config.ts; what runs on a developer's machine may read it too. */
const readsEnvironment =
  /^(tools|tests|bench|examples)\/|^packages\/testing\/|(^|\/)(config|main)\.ts$|\.config\.ts$|\/bin\//;

/** Lines that must not be in a finished tree. */
export function checkLines(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const { path, lines } of tree.files) {
    const mayReadEnvironment = readsEnvironment.test(path) || isTest(path);
    for (const [index, text] of lines.entries()) {
      const say = (message: string) => findings.push({ path, line: index + 1, message });
      if (skipped.test(text)) say('every test runs: mend it or remove it.');
      if (unfinished.test(text) || admitted.test(text))
        say('says of itself that it is unfinished.');
      if (workspaceOf(path) && !mayReadEnvironment && environment.test(text)) {
        say('settings are parsed once, in config.ts, and passed down.');
      }
    }
  }
  return findings;
}
