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
import { facts, size } from '../output/text.ts';
import { saveResponse } from '../save-response.ts';
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
    const progress = context.progress('Exporting');
    try {
      const asked = await client.exports.create({ params, body: { format } }, { signal });
      const made = await untilMade(context, asked);
      const download = { params: { ...params, format } };
      const response = await client.exports.download(download, { signal });
      const saved = await saveResponse(response, file, (written, whole) =>
        progress.show(whole ? (100 * written) / whole : 0, size(written)),
      );
      context.answer({ ...made, file, ...saved }, () => exportText(made, file, saved.bytes));
    } finally {
      progress.end();
    }
  };
}

async function untilMade(
  { client, signal }: Context,
  asked: ModelExportView,
): Promise<ModelExportView> {
  const params = { name: asked.model, version: asked.version, format: asked.format };
  for (let now = asked; ; now = await client.exports.get({ params }, { signal })) {
    if (now.state === 'succeeded') return now;
    if (now.state === 'failed') {
      const { code, message } = now.failure ?? { code: 'internal' as const, message: 'It failed.' };
      throw new VandaError(code, message);
    }
    await sleep(pollMs, undefined, { signal });
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
  return facts([
    [
      'compared on',
      `${report.items} items${of}${report.ranWith ? `, run with ${report.ranWith}` : ''}`,
    ],
    [
      'accuracy',
      accuracy === null || sourceAccuracy === null
        ? null
        : `${(100 * accuracy).toFixed(1)} %, from ${(100 * sourceAccuracy).toFixed(1)} %`,
    ],
    ['same label', topOneAgreement === null ? null : `${(100 * topOneAgreement).toFixed(1)} %`],
    [
      'farthest apart',
      maxAbsoluteDifference === null ? null : maxAbsoluteDifference.toPrecision(2),
    ],
    ['one item takes', latencyUs === null ? null : `${(latencyUs / 1000).toPrecision(3)} ms`],
    ['size', `${size(report.bytes)}, from ${size(report.sourceBytes)}`],
  ]);
}
