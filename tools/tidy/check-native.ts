import { nativeIncludes } from './import-table.ts';
import type { Finding, SourceTree } from './source-tree.ts';

/** The layers of the engine: who may include whose headers. Tests and fuzzers may all of them. */
export function checkNative(tree: SourceTree): Finding[] {
  const findings: Finding[] = [];
  for (const file of tree.files) {
    const layer = /^native\/([^/]+)\//.exec(file.path)?.[1] ?? '';
    const allowed = nativeIncludes[layer];
    if (!allowed) continue;
    for (const { specifier, line } of file.imports) {
      const say = (message: string) => findings.push({ path: file.path, line, message });
      const header = specifier.slice(1);
      if (specifier.startsWith('"')) {
        const target = header.split('/')[0] ?? '';
        if (!(target in nativeIncludes)) continue;
        if (!allowed.includes(target)) {
          say(`native/${layer} may include ${allowed.join(', ')}, not ${target}.`);
        } else if (layer !== 'backend' && /^backend\/[^/]+\//.test(header)) {
          say(
            `${header} is one backend: only CMakeLists.txt names it, the rest uses the interface.`,
          );
        }
      } else if (layer === 'core' && /[./]/.test(header)) {
        say(`native/core knows the C++ standard library alone, not ${header}.`);
      } else if (/dnnl/.test(header) && !file.path.startsWith('native/backend/cpu/')) {
        say('oneDNN belongs to native/backend/cpu.');
      }
    }
  }
  return findings;
}
