import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type FieldError,
  fieldErrors,
  type ImportOptions,
  importOptions,
  type ModelImportView,
  type ModelSource,
  sourceFormats,
  VandaError,
} from '@vanda/contracts';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { type Cell, size } from '../output/text.ts';
import { uploadModel } from '../push/upload-model.ts';
import type { Act, Runs } from './act.ts';
import { readName } from './references.ts';

const pollMs = 250;

interface Flags {
  labels?: string;
  subtract?: string;
  divide?: string;
  dim?: string[];
}

export function addImport(models: Command, runs: Runs): void {
  models
    .command('import <name> <path...>')
    .description(
      'a version of a model of another tool: .onnx, .keras, .h5, or a folder with model.json',
    )
    .option('--labels <list>', 'of a picture classifier: a,b,c or a file with one a line')
    .option(
      '--subtract <numbers>',
      'it takes pictures of (pixel - this) / divide; one, or one a channel',
    )
    .option('--divide <numbers>', 'as with --subtract')
    .option('--dim <name=size...>', 'sizes of dims that an ONNX file leaves open')
    .action(runs(importModel));
}

function importModel(name: string, paths: string[], flags: Flags): Act {
  return async (context) => {
    const { client, signal } = context;
    const params = { name: readName(name) };
    const options = await readOptions(flags);
    const begun = await uploadModel(context, paths, (uploads) =>
      client.imports.create({ params, body: { uploads, options } }, { signal }),
    );
    const made = await untilImported(context, begun);
    context.answer(made, () => importedText(made));
  };
}

/** What it is, and how it is called: nobody who brings a file knows what it is taken for. */
function importedText({ model, version }: ModelImportView): string {
  return (
    `Imported ${model}@${version}. What it takes: vanda models show ${model}@${version}. ` +
    `Serve it: vanda endpoints create ${model} ${model}@${version}`
  );
}

async function readOptions({ labels, subtract, divide, dim }: Flags): Promise<ImportOptions> {
  const given = {
    ...(labels !== undefined && { labels: await readLabels(labels) }),
    ...(subtract !== undefined && { subtract: subtract.split(',').map(Number) }),
    ...(divide !== undefined && { divide: divide.split(',').map(Number) }),
    ...(dim !== undefined && { dims: Object.fromEntries(dim.map(readDim)) }),
  };
  const read = importOptions.safeParse(given, { reportInput: true });
  if (read.success) return read.data;
  throw new VandaError('invalid-request', flagSentence(fieldErrors(read.error.issues)));
}

/** `/dims/N: Must be ...` is `--dim N: Must be ...` to whoever wrote it. */
function flagSentence([first]: FieldError[]): string {
  const [, field = '', part] = first?.pointer.split('/') ?? [];
  const flag = field === 'dims' ? `--dim ${part}` : `--${field}`;
  return `${flag}: ${first?.message ?? 'Not valid.'}`;
}

/** A list with commas, or a file with a label a line. */
async function readLabels(text: string): Promise<string[]> {
  const file = await readFile(text, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (text.includes(',')) return null;
    throw new VandaError(
      'invalid-request',
      error.code === 'ENOENT'
        ? `--labels ${text}: there is no such file, and one label is not enough: write a,b,c or name a file with one label a line.`
        : `--labels ${text}: the file cannot be read (${error.code}): write a,b,c or name a file with one label a line.`,
    );
  });
  const list = file === null ? text.split(',') : file.split(/\r?\n/);
  return list.map((label) => label.trim()).filter((label) => label !== '');
}

function readDim(pair: string): [string, number] {
  const at = pair.lastIndexOf('=');
  if (at < 1) throw new VandaError('invalid-request', `--dim ${pair}: write NAME=SIZE.`);
  return [pair.slice(0, at), Number(pair.slice(at + 1))];
}

/** Waits until a worker has made a version of it. */
export async function untilImported(
  context: Context,
  begun: ModelImportView,
): Promise<ModelImportView> {
  const { client, signal } = context;
  const progress = context.progress('Importing');
  const params = { id: begun.id };
  try {
    for (let now = begun; ; now = await client.imports.get({ params }, { signal, retries: 50 })) {
      if (now.state === 'succeeded') return now;
      if (now.state === 'failed') {
        const failure = now.failure ?? { code: 'internal' as const, message: 'The import failed.' };
        throw new VandaError(failure.code, failure.message);
      }
      progress.show(null, now.state === 'queued' ? 'waiting for a worker' : lower(now.note ?? ''));
      await sleep(pollMs, undefined, { signal });
    }
  } finally {
    progress.end();
  }
}

/** What the worker says begins a line of its own elsewhere. */
function lower(note: string): string {
  return note.charAt(0).toLowerCase() + note.slice(1);
}

/** Where an imported version came from. */
export function sourceFacts(source: ModelSource | null): [string, Cell][] {
  if (source === null) return [];
  const filesShown = 3;
  return [
    ['imported from', sourceFormats[source.format]],
    ['backbone', source.backbone],
    ['package', source.package],
    ...source.files
      .slice(0, filesShown)
      .map(({ name, bytes, sha256 }): [string, Cell] => [
        'file',
        `${name} (${size(bytes)}, SHA-256 ${sha256})`,
      ]),
    ['', source.files.length > filesShown ? `and ${source.files.length - filesShown} more` : null],
  ];
}
