import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { VandaError } from '@vanda/contracts';
import { parseDocument } from 'yaml';

const bytesMax = 1024 ** 2;

/** A job spec from a YAML or JSON file (JSON is YAML), or from standard input where the name is `-`. */
export async function readSpec(file: string): Promise<Record<string, unknown>> {
  const content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  return parseSpec(content, file === '-' ? 'standard input' : file);
}

export function parseSpec(content: string, name: string): Record<string, unknown> {
  if (content.length > bytesMax) throw invalid(`${name} is too large for a job spec (1 MB).`);
  const document = parseDocument(content, { prettyErrors: true, logLevel: 'error' });
  const [problem] = document.errors;
  if (problem) {
    const [first = ''] = problem.message.split('\n');
    if (problem.code === 'MULTIPLE_DOCS') {
      throw invalid(`${name} holds more than one document: a job has one spec.`);
    }
    throw invalid(`${name} is neither YAML nor JSON: ${first.replace(/:$/, '.')}`);
  }
  let spec: unknown;
  try {
    spec = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw invalid(`${name} cannot be read: ${(error as Error).message}.`);
  }
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw invalid(`${name} holds no job spec: it must be a mapping with name, task and dataset.`);
  }
  try {
    JSON.stringify(spec);
  } catch {
    throw invalid(`${name} cannot be read: an alias (*) stands within its own anchor (&).`);
  }
  refuseStrangeNumbers(spec, '');
  return spec as Record<string, unknown>;
}

/** JSON has neither NaN nor Infinity: sent on, they would become null and be taken for "not given". */
function refuseStrangeNumbers(value: unknown, pointer: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const message = `Must be a finite number, not ${value}.`;
    throw new VandaError('invalid-spec', `${pointer}: ${message}`, [{ pointer, message }]);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) {
    const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1');
    refuseStrangeNumbers(part, `${pointer}/${escaped}`);
  }
}

function invalid(sentence: string): VandaError {
  return new VandaError('invalid-spec', sentence);
}
