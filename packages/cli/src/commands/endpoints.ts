import { type EndpointView, VandaError } from '@vanda/contracts';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { ago, facts, table } from '../output/text.ts';
import type { Act, Runs } from './act.ts';
import { allPages } from './all-pages.ts';
import { readName, readReference } from './references.ts';
import { untilReady } from './until-ready.ts';

export function addEndpoints(program: Command, runs: Runs): void {
  const endpoints = program.command('endpoints').description('where models answer');
  endpoints
    .command('create <name> <model>')
    .description('MODEL@VERSION behind a new address; waits until it answers')
    .action(runs(create));
  endpoints
    .command('deploy <name> <model>')
    .description('another MODEL@VERSION behind the same address; waits until it answers')
    .action(runs(deploy));
  endpoints
    .command('rollback <name>')
    .description('the version before')
    .option('--to <entry>', 'what that entry of the ledger served')
    .action(runs(rollback));
  endpoints.command('list').description('newest first').action(runs(list));
  endpoints.command('show <name>').description('one, with its ledger').action(runs(show));
  endpoints
    .command('delete <name>')
    .description('its address answers no more')
    .action(runs(remove));
}

function create(name: string, model: string): Act {
  return async (context) => {
    const body = { name: readName(name), model: checked(model) };
    const made = await context.client.endpoints.create({ body }, { signal: context.signal });
    await answerWhenReady(context, made, 'Created');
  };
}

function deploy(name: string, model: string): Act {
  return async (context) => {
    const input = { params: { name: readName(name) }, body: { model: checked(model) } };
    const changed = await context.client.endpoints.deploy(input, { signal: context.signal });
    await answerWhenReady(context, changed, 'Deployed');
  };
}

function rollback(name: string, { to }: { to?: string }): Act {
  return async (context) => {
    const params = { name: readName(name) };
    if (to !== undefined && !/^[1-9]\d{0,8}$/.test(to)) {
      throw new VandaError('invalid-request', '--to must be the number of a ledger entry.');
    }
    const body = to === undefined ? {} : { to: Number(to) };
    const input = { params, body };
    const changed = await context.client.endpoints.rollback(input, { signal: context.signal });
    await answerWhenReady(context, changed, 'Rolled back');
  };
}

function checked(model: string): string {
  readReference(model);
  return model;
}

async function answerWhenReady(context: Context, changed: EndpointView, done: string) {
  const ready = await untilReady(context, changed);
  const text = `${done}: ${ready.name} serves ${ready.model}@${ready.version} at ${ready.url}`;
  context.answer(ready, () => text);
}

function list(): Act {
  return async ({ client, signal, answer }) => {
    const all = await allPages((query) => client.endpoints.list({ query }, { signal }));
    const rows = all.data.map((endpoint) => [
      endpoint.name,
      `${endpoint.model}@${endpoint.version}`,
      endpoint.serving.state,
      endpoint.serving.requests,
      ago(endpoint.updatedAt),
      endpoint.url,
    ]);
    const heads = ['NAME', 'MODEL', 'STATE', 'REQUESTS', 'CHANGED', 'URL'];
    answer(all, () => table(heads, rows, 'No endpoint yet: vanda endpoints create NAME MODEL@V'));
  };
}

function show(name: string): Act {
  return async ({ client, signal, answer }) => {
    const params = { name: readName(name) };
    const endpoint = await client.endpoints.get({ params }, { signal });
    const ledger = await client.endpoints.ledger({ params, query: { limit: 20 } }, { signal });
    const { serving } = endpoint;
    answer({ ...endpoint, ledger: ledger.data }, () => {
      const head = facts([
        ['endpoint', endpoint.name],
        ['serves', `${endpoint.model}@${endpoint.version}`],
        ['state', serving.error ? `${serving.state}: ${serving.error}` : serving.state],
        ['requests', `${serving.requests} (${serving.errors} errors)`],
        ['latency', serving.p50Ms && `p50 ${serving.p50Ms} ms, p99 ${serving.p99Ms} ms`],
        ['url', endpoint.url],
      ]);
      const rows = ledger.data.map((entry) => [
        entry.seq,
        entry.action,
        `${endpoint.model}@${entry.version}`,
        entry.actor,
        ago(entry.at),
      ]);
      return `${head}\n\n${table(['ENTRY', 'ACTION', 'MODEL', 'BY', 'WHEN'], rows, '')}`;
    });
  };
}

function remove(name: string): Act {
  return async ({ client, signal, answer }) => {
    const params = { name: readName(name) };
    const deleted = await client.endpoints.delete({ params }, { signal });
    answer(deleted, () => `Deleted ${name}: its address answers no more.`);
  };
}
