import { posix } from 'node:path';
import { isTest } from './check-imports.ts';
import type { Finding, SourceFile, SourceTree } from './source-tree.ts';

/** Files that somebody outside starts or reads: their exports are their purpose. */
const entry = /(^|\/)(index|main)\.(ts|tsx|mjs)$|\.config\.ts$/;

/** Exports that no other file names: dead, or private and to be kept to the file. */
export function checkExports(tree: SourceTree): Finding[] {
  const scripts = tree.files.filter((file) => /\.(ts|tsx|mjs)$/.test(file.path));
  const users = new Map<string, Set<string>>();
  for (const file of scripts) {
    for (const word of file.text.match(/[A-Za-z_$][\w$]*/g) ?? []) {
      const paths = users.get(word) ?? new Set();
      users.set(word, paths.add(file.path));
    }
  }
  const surface = publicFiles(tree, scripts);
  return scripts
    .filter(({ path }) => !entry.test(path) && !surface.has(path) && !isTest(path))
    .flatMap((file) =>
      exportedNames(file)
        .filter(({ name }) => (users.get(name)?.size ?? 0) < 2)
        // A type that its own file goes on to use belongs to the signature of something there.
        .filter(({ name, type }) => !type || countWord(file.text, name) < 2)
        .map(({ name, line }) => ({
          path: file.path,
          line,
          message: `nobody imports ${name}: remove it, or its "export".`,
        })),
    );
}

/** Front doors, and files whose every export is behind one: `export * from`, and on. */
function publicFiles(tree: SourceTree, scripts: SourceFile[]): Set<string> {
  const byPath = new Map(scripts.map((file) => [file.path, file]));
  const doors = [...tree.doors].flatMap(([workspace, exported]) =>
    Object.values(exported).map((target) => posix.join(workspace, target)),
  );
  const surface = new Set(doors);
  const open = scripts.filter(({ path }) => surface.has(path));
  for (let file = open.pop(); file; file = open.pop()) {
    for (const match of file.text.matchAll(/^export \* (?:as \w+ )?from '(\.[^']+)'/gm)) {
      const target = byPath.get(posix.join(posix.dirname(file.path), match[1] ?? ''));
      if (!target || surface.has(target.path)) continue;
      surface.add(target.path);
      open.push(target);
    }
  }
  return surface;
}

function exportedNames(file: SourceFile): { name: string; type: boolean; line: number }[] {
  const declaration =
    /^export (?:declare )?(?:abstract )?(?:async )?(const|let|function\*?|class|interface|type) (\w+)/;
  return file.lines.flatMap((text, index) => {
    const [, kind = '', name] = declaration.exec(text) ?? [];
    const type = kind === 'interface' || kind === 'type';
    return name ? [{ name, type, line: index + 1 }] : [];
  });
}

function countWord(text: string, word: string): number {
  return text.match(new RegExp(`\\b${word}\\b`, 'g'))?.length ?? 0;
}
