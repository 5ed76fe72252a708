// Writes docs/OPERATIONS.md from the table of operations of the built engine:
// `node tools/codegen/operations.ts`. A test fails when the page is not what this would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Operation } from '@vanda/engine';
import { operations } from '@vanda/engine';

const page = fileURLToPath(new URL('../../docs/OPERATIONS.md', import.meta.url));

const head = `# Operations

Every operation of the graph. This page is written by \`node tools/codegen/operations.ts\` from the engine's own table;
a test fails when it is stale.

**dtypes** are those of the inputs that carry data. **gradient**: *again* is made of operations, so it can be
differentiated again, to any order; *once* is a fused backward kernel without a second order; *stops* is piecewise
constant and lets no gradient through; *none* cannot be differentiated, and says so. **kernel**: *own* code, *oneDNN*,
a *view* that moves no memory, *composed* of other operations before it runs, or the plain *reference*.
Behind the shapes stand the attributes with what they are when left out.
`;

/** The page as Markdown, families in the order in which the engine registers them by name. */
export function operationsPage(all: readonly Operation[]): string {
  const families = [...new Set(all.map((operation) => operation.family))].sort();
  const sections = families.map((family) => {
    const rows = all.filter((operation) => operation.family === family).map(row);
    return `\n## ${family}\n\n| operation | what it computes | shapes and attributes | dtypes | gradient | kernel |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `${head}${sections.join('')}`;
}

function row(operation: Operation): string {
  const attributes = operation.attributes.map(({ name, fallback }) =>
    fallback === undefined ? name : `${name} = ${JSON.stringify(fallback)}`,
  );
  const shapes = [`\`${operation.shapes}\``, ...attributes.map((text) => `\`${text}\``)].join(
    '<br>',
  );
  const cells = [
    `\`${operation.name}\``,
    operation.text,
    shapes,
    operation.dtypes,
    operation.gradient,
    operation.kernel,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** What is written now; empty when the page is missing. */
export function writtenPage(): string {
  try {
    return readFileSync(page, 'utf8');
  } catch {
    return '';
  }
}

if (import.meta.main) writeFileSync(page, operationsPage(operations()));
