import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readModuleLiteral } from '../backbones/module-literal.ts';

const require = createRequire(import.meta.url);

/** A model of the nsfwjs package: its model.json, and its shards one after the other. */
export async function nsfwjs(name: string) {
  const folder = join(require.resolve('nsfwjs/core'), '../../models', name);
  const files = (await readdir(folder)).filter((file) => file.startsWith('group1-')).sort();
  const literal = async (file: string) =>
    readModuleLiteral(await readFile(join(folder, file), 'utf8'));
  const shards = await Promise.all(files.map(literal));
  const bytes = Buffer.concat(shards.map((shard) => Buffer.from(shard as string, 'base64')));
  return { json: JSON.parse(JSON.stringify(await literal('model.min.js'))), bytes };
}
