import type { ModelLayersView } from '@vanda/contracts';
import type { Command } from 'commander';
import { facts } from '../output/text.ts';
import type { Act, Runs } from './act.ts';
import { readReference } from './references.ts';

export function addLayers(models: Command, runs: Runs): void {
  models
    .command('layers <name>')
    .description('NAME or NAME@VERSION: the layers that a new head can be put on')
    .action(runs(layers));
}

function layers(reference: string): Act {
  return async ({ client, signal, answer }) => {
    const { name, version } = readReference(reference);
    const number =
      version ?? (await client.models.get({ params: { name } }, { signal })).latestVersion;
    const found = await client.models.layers({ params: { name, version: number } }, { signal });
    answer(found, () => layersText(found));
  };
}

function layersText({ model, version, input, features, layers: names }: ModelLayersView): string {
  const head = facts([
    ['model', `${model}@${version}`],
    ['takes', input && `pictures, ${input.size} x ${input.size} x ${input.channels}`],
    ['features', features],
  ]);
  const none = 'It names no layers: it is of tables, or was made by an earlier version.';
  return `${head}\n\n${names.length > 0 ? names.join('\n') : none}`;
}
