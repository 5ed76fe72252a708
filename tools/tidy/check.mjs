// `npm run check`: what of docs/STYLE.md and the map in docs/ARCHITECTURE.md can be measured.
import { root } from '../setup/npm-packages.mjs';
import { checkTree } from './check-tree.ts';
import { readTree } from './source-tree.ts';

const from = performance.now();
const tree = readTree(root);
const findings = checkTree(tree);
for (const { path, line, message } of findings) {
  process.stdout.write(`${path}${line ? `:${line}` : ''}: ${message}\n`);
}
const took = `${tree.files.length} files in ${Math.round(performance.now() - from)} ms`;
const sum = findings.length === 0 ? 'The structure is as agreed' : `${findings.length} findings`;
process.stdout.write(`${sum} (${took}).\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
