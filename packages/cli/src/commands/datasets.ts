import {
  type ColumnType,
  columnType,
  type DatasetVersion,
  datasetKind,
  type IngestOptions,
  parseOrThrow,
  VandaError,
} from '@vanda/contracts';
import type { Command } from 'commander';
import { ago, count, facts, size, table } from '../output/text.ts';
import { describePush, pushDataset } from '../push/push-dataset.ts';
import type { Act, Runs } from './act.ts';
import { allPages } from './all-pages.ts';
import { readName, readReference } from './references.ts';

export function addDatasets(program: Command, runs: Runs): void {
  const datasets = program.command('datasets').description('data to train on');
  datasets
    .command('push <name> <path...>')
    .description('send files or folders and make a version of them')
    .option('--kind <kind>', 'table or images, where it is not to be guessed')
    .option('--column <name=type...>', 'types to use instead of the inferred ones')
    .action(runs(push));
  datasets.command('list').description('datasets, newest change first').action(runs(list));
  datasets.command('show <name>').description('NAME or NAME@VERSION').action(runs(show));
  datasets.command('delete <name>').description('NAME or NAME@VERSION').action(runs(remove));
}

function push(name: string, paths: string[], flags: { kind?: string; column?: string[] }): Act {
  return async (context) => {
    const result = await pushDataset(context, readName(name), paths, readOptions(flags));
    context.answer(result.pushed, () => describePush(result));
  };
}

function readOptions({ kind, column }: { kind?: string; column?: string[] }): IngestOptions {
  const options: IngestOptions = {};
  if (kind !== undefined) {
    options.kind = parseOrThrow(datasetKind, kind, 'invalid-request', '--kind');
  }
  if (column !== undefined) options.columns = Object.fromEntries(column.map(readColumn));
  return options;
}

function readColumn(pair: string): [string, ColumnType] {
  const at = pair.lastIndexOf('=');
  if (at < 1) throw new VandaError('invalid-request', `--column ${pair}: write NAME=TYPE.`);
  const type = parseOrThrow(columnType, pair.slice(at + 1), 'invalid-request', `--column ${pair}`);
  return [pair.slice(0, at), type];
}

function list(): Act {
  return async ({ client, signal, answer }) => {
    const all = await allPages((query) => client.datasets.list({ query }, { signal }));
    const rows = all.data.map((each) => [
      each.name,
      each.kind,
      each.latestVersion || null,
      count(each.items),
      size(each.bytes),
      each.ingesting ? 'reading' : ago(each.updatedAt),
    ]);
    answer(all, () =>
      table(
        ['NAME', 'KIND', 'VERSION', 'ITEMS', 'SIZE', 'CHANGED'],
        rows,
        'No dataset yet: vanda datasets push NAME PATH...',
      ),
    );
  };
}

function show(reference: string): Act {
  return async ({ client, signal, answer }) => {
    const { name, version } = readReference(reference);
    if (version !== null) {
      const found = await client.datasets.version({ params: { name, version } }, { signal });
      return answer(found, () => versionText(found));
    }
    const found = await client.datasets.get({ params: { name } }, { signal });
    const params = { name, version: found.latestVersion };
    const latest =
      found.latestVersion === 0 ? null : await client.datasets.version({ params }, { signal });
    answer({ ...found, latest }, () =>
      latest === null ? `${name} has no version yet.` : versionText(latest),
    );
  };
}

function versionText(version: DatasetVersion): string {
  const { profile } = version;
  const { train, validation, test } = profile.splits;
  const head = facts([
    ['dataset', `${version.dataset}@${version.version}`],
    ['kind', version.kind],
    ['items', `${count(version.items)} (${count(version.rejected)} rejected)`],
    ['size', size(version.bytes)],
    ['splits', train + validation + test > 0 ? splitsText(profile.splits) : null],
    ['content', version.contentHash],
    ['made', ago(version.createdAt)],
  ]);
  if (profile.kind === 'images') {
    const rows = profile.labels.map(({ label, count: pictures }) => [label, pictures]);
    return `${head}\n\n${table(['LABEL', 'PICTURES'], rows, '')}`;
  }
  const rows = profile.columns.map((column) => [
    column.name,
    column.type,
    column.nulls,
    column.distinct,
    column.min,
    column.mean === null ? null : Number(column.mean.toPrecision(5)),
    column.max,
  ]);
  const heads = ['COLUMN', 'TYPE', 'NULLS', 'DISTINCT', 'MIN', 'MEAN', 'MAX'];
  return `${head}\n\n${table(heads, rows, '')}`;
}

function splitsText(splits: Record<string, number>): string {
  const parts = Object.entries(splits).filter(([, items]) => items > 0);
  return parts.map(([name, items]) => `${name} ${count(items)}`).join(', ');
}

function remove(reference: string): Act {
  return async ({ client, signal, answer }) => {
    const { name, version } = readReference(reference);
    const deleted =
      version === null
        ? await client.datasets.delete({ params: { name } }, { signal })
        : await client.datasets.deleteVersion({ params: { name, version } }, { signal });
    answer(deleted, () => `Deleted ${reference}: ${size(deleted.freedBytes)} freed.`);
  };
}
