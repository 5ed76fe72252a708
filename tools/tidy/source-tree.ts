import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One import, export-from, dynamic import or #include. */
export interface Import {
  specifier: string;
  line: number;
  typeOnly: boolean;
}

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  path: string;
  text: string;
  lines: string[];
  imports: Import[];
}

export interface SourceTree {
  files: SourceFile[];
  /** The dependencies that each workspace declares, by its folder. */
  declared: Map<string, Set<string>>;
  /** The front doors of each workspace: what its `exports` name, and the file behind each. */
  doors: Map<string, Record<string, string>>;
}

/** What breaks a rule: where, and a sentence that says what would be right. */
export interface Finding {
  path: string;
  line?: number;
  message: string;
}

const sourceName = /\.(ts|tsx|mjs|cpp|hpp|h|cc)$/;
const generated = /(^|\/)generated\/|\.d\.ts$|third_party\//;

/** Everything that git knows or would know; what is ignored or generated is nobody's style. */
export function readTree(root: string): SourceTree {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const paths = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\0')
    .filter((path) => path && existsSync(join(root, path)));
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const declared = new Map<string, Set<string>>();
  const doors = new Map<string, Record<string, string>>();
  for (const path of paths.filter((name) => /^(packages|apps)\/[^/]+\/package\.json$/.test(name))) {
    const manifest = JSON.parse(read(path)) as Record<string, Record<string, string> | undefined>;
    const workspace = path.slice(0, -'/package.json'.length);
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    declared.set(workspace, new Set(names));
    doors.set(workspace, manifest.exports ?? {});
  }
  const sources = paths.filter((path) => sourceName.test(path) && !generated.test(path));
  return { files: sources.map((path) => parseSource(path, read(path))), declared, doors };
}

export function parseSource(path: string, text: string): SourceFile {
  const lines = text.split('\n');
  const imports = /\.(ts|tsx|mjs)$/.test(path) ? scriptImports(text) : includes(lines);
  return { path, text, lines, imports };
}

/** Biome has put every import into one shape, so that a pattern is enough to find them. */
function scriptImports(text: string): Import[] {
  const found: Import[] = [];
  const add = (index: number, specifier = '', typeOnly = false) =>
    found.push({ specifier, line: text.slice(0, index).split('\n').length, typeOnly });
  const statement = /^(import|export)\s(type\s)?[^;'"`]*?\bfrom\s+'([^']+)'/gm;
  for (const match of text.matchAll(statement)) {
    const names = /\{([^}]*)\}/.exec(match[0])?.[1] ?? '';
    const parts = names.split(',').map((part) => part.trim());
    const everyNameIsType = names !== '' && parts.every((part) => !part || /^type\s/.test(part));
    add(match.index, match[3], Boolean(match[2]) || everyNameIsType);
  }
  for (const match of text.matchAll(/^import\s+'([^']+)'/gm)) add(match.index, match[1]);
  for (const match of text.matchAll(/\bimport\('([^']+)'\)/g)) add(match.index, match[1]);
  return found;
}

function includes(lines: string[]): Import[] {
  return lines.flatMap((text, index) => {
    const match = /^\s*#\s*include\s*([<"][^>"]+)[>"]/.exec(text);
    return match ? [{ specifier: match[1] ?? '', line: index + 1, typeOnly: false }] : [];
  });
}
