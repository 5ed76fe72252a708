import {
  type ComparedItem,
  comparedShow,
  type ModelVersionView,
  parseOrThrow,
  VandaError,
  type VersionComparison,
} from '@vanda/contracts';
import type { Command } from 'commander';
import { ago, count, facts, headline, metricsLine, plural, size, table } from '../output/text.ts';
import { refuseFile, saveResponse } from '../save-response.ts';
import type { Act, Runs } from './act.ts';
import { allPages } from './all-pages.ts';
import { addExport } from './export.ts';
import { addImport, sourceFacts } from './import.ts';
import { addLayers } from './layers.ts';
import { readExactVersion, readReference } from './references.ts';
import { signatureFacts } from './signature-facts.ts';

export function addModels(program: Command, runs: Runs): void {
  const models = program.command('models').description('what trainings made');
  models.command('list').description('models, newest change first').action(runs(list));
  models.command('show <name>').description('NAME or NAME@VERSION').action(runs(show));
  models
    .command('compare <first> <second>')
    .description('NAME@VERSION twice: where their answers on the test split differ')
    .option('--show <which>', 'all, first, second or neither (right)', 'all')
    .option('--limit <number>', 'list at most so many', '20')
    .action(runs(compare));
  models
    .command('download <version> <file>')
    .description('NAME@VERSION as a .vanda archive of model.json and weights.safetensors')
    .action(runs(download));
  addExport(models, runs);
  addLayers(models, runs);
  addImport(models, runs);
  models
    .command('delete <name>')
    .description('NAME@VERSION, or NAME with all')
    .action(runs(remove));
}

function list(): Act {
  return async ({ client, signal, answer }) => {
    const all = await allPages((query) => client.models.list({ query }, { signal }));
    const rows = all.data.map((model) => [
      model.name,
      model.task,
      model.latestVersion,
      headline(model.latest?.metrics.test),
      model.endpoints.join(', '),
      ago(model.updatedAt),
    ]);
    const heads = ['NAME', 'TASK', 'LATEST', 'TEST', 'ENDPOINTS', 'CHANGED'];
    answer(all, () => table(heads, rows, 'No model yet: vanda jobs submit SPEC'));
  };
}

function show(reference: string): Act {
  return async ({ client, signal, answer }) => {
    const { name, version } = readReference(reference);
    if (version !== null) {
      const found = await client.models.version({ params: { name, version } }, { signal });
      return answer(found, () => versionText(found));
    }
    const found = await client.models.get({ params: { name } }, { signal });
    answer(found, () => {
      const head = `${name} (${found.task}): ${plural(found.versions, 'version')}`;
      return found.latest ? `${head}\n\n${versionText(found.latest)}` : head;
    });
  };
}

function versionText(version: ModelVersionView): string {
  return facts([
    ['model', `${version.model}@${version.version}`],
    ['task', version.task],
    ['job', version.jobId],
    ['dataset', version.dataset && `${version.dataset.name}@${version.dataset.version}`],
    ['built on', version.base],
    ...signatureFacts(version.signature),
    ...sourceFacts(version.source),
    ['validation', metricsLine(version.metrics.validation)],
    ['test', metricsLine(version.metrics.test)],
    ['size', size(version.bytes)],
    ['engine', version.engineVersion],
    ['endpoints', version.endpoints.join(', ')],
    ['predictions', version.predictions],
    ['made', ago(version.createdAt)],
  ]);
}

function compare(one: string, two: string, options: { show: string; limit: string }): Act {
  return async ({ client, signal, answer }) => {
    const [first, second] = [readExactVersion(one), readExactVersion(two)];
    if (first.name !== second.name) {
      throw new VandaError('invalid-request', 'Both must be versions of the same model.');
    }
    const params = { ...first, other: second.version };
    const query = {
      show: parseOrThrow(comparedShow, options.show, 'invalid-request', '--show'),
      limit: Number(options.limit),
    };
    const found = await client.models.compare({ params, query }, { signal });
    answer(found, () => comparisonText(found));
  };
}

function comparisonText(found: VersionComparison): string {
  const { counts, shared, note } = found;
  const [first, second] = [`v${found.first}`, `v${found.second}`];
  const head = facts([
    ['shared', counts && plural(shared, 'item')],
    ...(counts?.kind === 'classes'
      ? ([
          ['both right', count(counts.bothRight)],
          [`only ${first} right`, count(counts.onlyFirst)],
          [`only ${second} right`, count(counts.onlySecond)],
          ['both wrong', count(counts.bothWrong)],
          ['  differently', count(counts.bothWrongDifferently)],
        ] as [string, string][])
      : []),
    ...(counts?.kind === 'numbers'
      ? ([
          [`${first} closer`, count(counts.firstCloser)],
          [`${second} closer`, count(counts.secondCloser)],
          ['alike', count(counts.alike)],
        ] as [string, string][])
      : []),
    ['note', note],
  ]);
  if (counts === null) return note ?? '';
  const short = (value: string | number) =>
    typeof value === 'number' ? Number(value.toPrecision(4)) : value;
  const said = ({ said, score }: ComparedItem['first']) =>
    score === null ? short(said) : `${said} (${score.toPrecision(3)})`;
  const rows = found.data.map((item) => [
    String(item.row),
    short(item.truth),
    said(item.first),
    said(item.second),
    item.picture?.name,
  ]);
  const list = table(['ROW', 'IS', first, second, 'NAME'], rows, 'They say the same about each.');
  return `${head}\n\n${list}`;
}

function download(reference: string, file: string): Act {
  return async (context) => {
    const { client, signal } = context;
    const params = readExactVersion(reference);
    await refuseFile(file, `${params.name}.vanda`);
    const response = await client.models.download({ params }, { signal });
    const saved = await saveResponse(context, response, file);
    context.answer(
      { object: 'download', model: reference, file, ...saved },
      () => `Wrote ${reference} to ${file} (${size(saved.bytes)}).`,
    );
  };
}

function remove(reference: string): Act {
  return async ({ client, signal, answer }) => {
    const { name, version } = readReference(reference);
    const deleted =
      version === null
        ? await client.models.delete({ params: { name } }, { signal })
        : await client.models.deleteVersion({ params: { name, version } }, { signal });
    answer(deleted, () => `Deleted ${reference}: ${size(deleted.freedBytes)} freed.`);
  };
}
