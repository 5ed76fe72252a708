import { setTimeout as sleep } from 'node:timers/promises';
import {
  exportFormat,
  exportFormats,
  type ModelExportView,
  type ParityReport,
  parseOrThrow,
  VandaError,
} from '@vanda/contracts';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { count, facts, size } from '../output/text.ts';
import { refuseFile, saveResponse } from '../save-response.ts';
import type { Act, Runs } from './act.ts';
import { readExactVersion } from './references.ts';

const pollMs = 250;
const formats = Object.keys(exportFormats).join(', ');

export function addExport(models: Command, runs: Runs): void {
  models
    .command('export <version> <file>')
    .description('NAME@VERSION in another format, with a report of how alike it answers')
    .requiredOption('--format <format>', formats)
    .action(runs(exportVersion));
}

function exportVersion(reference: string, file: string, options: { format: string }): Act {
  return async (context) => {
    const { client, signal } = context;
    const format = parseOrThrow(exportFormat, options.format, 'invalid-request', '--format');
    const params = readExactVersion(reference);
    // A file that cannot be written is told before minutes of work, not after them.
    await refuseFile(file, `${params.name}.${exportFormats[format].extension}`);
    const asked = await client.exports.create({ params, body: { format } }, { signal });
    const made = await untilMade(context, asked);
    const download = { params: { ...params, format } };
    const response = await client.exports.download(download, { signal });
    const saved = await saveResponse(context, response, file);
    context.answer({ ...made, file, ...saved }, () => exportText(made, file, saved.bytes));
  };
}

async function untilMade(context: Context, asked: ModelExportView): Promise<ModelExportView> {
  const { client, signal } = context;
  const params = { name: asked.model, version: asked.version, format: asked.format };
  const progress = context.progress('Exporting');
  try {
    for (let now = asked; ; now = await client.exports.get({ params }, { signal })) {
      if (now.state === 'succeeded') return now;
      if (now.state === 'failed') {
        const failure = now.failure ?? { code: 'internal' as const, message: 'The export failed.' };
        throw new VandaError(failure.code, failure.message);
      }
      const isQueued = now.state === 'queued';
      progress.show(null, isQueued ? 'waiting for a worker' : 'converting and comparing');
      await sleep(pollMs, undefined, { signal });
    }
  } finally {
    progress.end();
  }
}

function exportText(made: ModelExportView, file: string, bytes: number): string {
  const { title } = exportFormats[made.format];
  const head = `Wrote ${made.model}@${made.version} as ${title} to ${file} (${size(bytes)}).`;
  return made.report ? `${head}\n\n${reportText(made.report)}` : head;
}

function reportText(report: ParityReport): string {
  const { maxAbsoluteDifference, topOneAgreement, latencyUs, accuracy, sourceAccuracy } = report;
  const of = report.split === null ? '' : ` of the ${report.split} split`;
  const items = `${report.madeUp ? 'made-up ' : ''}item${report.items === 1 ? '' : 's'}`;
  return facts([
    [
      'compared on',
      `${count(report.items)} ${items}${of}${report.ranWith ? `, run with ${report.ranWith}` : ''}`,
    ],
    [
      'accuracy',
      accuracy === null || sourceAccuracy === null
        ? null
        : `${percent(accuracy)}, was ${percent(sourceAccuracy)}`,
    ],
    ['same label', topOneAgreement === null ? null : percent(topOneAgreement)],
    ['numbers differ', differenceText(maxAbsoluteDifference)],
    ['one item takes', latencyUs === null ? null : `${(latencyUs / 1000).toPrecision(3)} ms`],
    ['size', `${size(report.bytes)}, was ${size(report.sourceBytes)}`],
  ]);
}

function differenceText(most: number | null): string | null {
  if (most === null) return null;
  return most === 0 ? 'not at all' : `by at most ${Number(most.toPrecision(2))}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
