import type { Command } from 'commander';
import { ago, table } from '../output/text.ts';
import type { Act, Runs } from './act.ts';
import { allPages } from './all-pages.ts';

export function addKeys(program: Command, runs: Runs): void {
  const keys = program.command('keys').description('API keys of the project');
  keys.command('create <name>').description('shown once').action(runs(create));
  keys.command('list').description('newest first').action(runs(list));
  keys.command('revoke <id>').description('it stops working at once').action(runs(revoke));
}

function create(name: string): Act {
  return async ({ client, signal, answer, note }) => {
    const made = await client.keys.create({ body: { name } }, { signal });
    answer(made, () => made.key);
    note('Keep it: it is shown this once.');
  };
}

function list(): Act {
  return async ({ client, signal, answer }) => {
    const all = await allPages((query) => client.keys.list({ query }, { signal }));
    const rows = all.data.map((key) => [
      key.id,
      key.name,
      `${key.prefix}...`,
      key.revokedAt ? `revoked ${ago(key.revokedAt)}` : 'active',
      ago(key.createdAt),
      ago(key.lastUsedAt),
    ]);
    const heads = ['ID', 'NAME', 'KEY', 'STATE', 'MADE', 'LAST USED'];
    answer(all, () => table(heads, rows, 'No key.'));
  };
}

function revoke(id: string): Act {
  return async ({ client, signal, answer }) => {
    const key = await client.keys.revoke({ params: { id } }, { signal });
    answer(key, () => `Revoked ${key.name} (${key.id}).`);
  };
}
