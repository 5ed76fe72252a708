import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collect } from './collect.ts';
import { tarSource } from './sources.ts';
import { planShards } from './tar-plan.ts';

const files: Record<string, Buffer> = {
  'cats/a.png': randomBytes(700),
  'cats/empty.png': Buffer.alloc(0),
  [`dogs/${'long'.repeat(30)}.png`]: randomBytes(512),
  'dogs/größe 🐕.png': randomBytes(3000),
};
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-tar-'));
  await mkdir(join(folder, 'cats'));
  await mkdir(join(folder, 'dogs'));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, 'cats/.DS_Store'), 'x');
  await symlink('/etc/passwd', join(folder, 'cats/link.png'));
});
afterAll(() => rm(folder, { recursive: true }));

async function unpack(bytes: Uint8Array): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {};
  const tar = Readable.from([Buffer.from(bytes)]).pipe(extract());
  for await (const entry of tar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    found[entry.header.name] = Buffer.concat(chunks);
  }
  return found;
}

test('a folder becomes a tar that others read, without links and hidden files', async () => {
  const [shard] = await collect([folder]);
  if (shard === undefined) throw new Error('no shard');
  const { source } = shard;
  const whole = await source.read(0, source.size);
  if (!(whole instanceof Uint8Array)) throw new Error('no bytes');
  expect(await unpack(whole)).toEqual(files);
  // Any part is the same bytes as the whole has there.
  for (const [start, end] of [
    [0, 1],
    [500, 1700],
    [1024, 1024],
    [source.size - 700, source.size],
  ] as const) {
    expect(await source.read(start, end)).toEqual(whole.slice(start, end));
  }
  expect(await source.sha256?.()).toBe(createHash('sha256').update(whole).digest('hex'));
});

test('shards stay below their size and hold every file once', async () => {
  const packed = Array.from({ length: 20 }, (_, index) => ({
    name: `l/${index}.png`,
    path: join(folder, 'cats/a.png'),
    size: 700,
  }));
  const shards = planShards(packed, 8 * 1024);
  expect(shards.length).toBeGreaterThan(3);
  const names: string[] = [];
  for (const plan of shards) {
    expect(plan.size).toBeLessThanOrEqual(8 * 1024);
    const bytes = await tarSource('x.tar', plan).read(0, plan.size);
    names.push(...Object.keys(await unpack(bytes as Uint8Array)));
  }
  expect(names).toEqual(packed.map(({ name }) => name));
});

test('of several folders the names stay', async () => {
  const planned = await collect([join(folder, 'cats'), join(folder, 'dogs')]);
  const names = [];
  for (const { source } of planned) {
    names.push(...Object.keys(await unpack((await source.read(0, source.size)) as Uint8Array)));
  }
  expect(names.sort()).toEqual(Object.keys(files).sort());
});

test('a folder of tables, and files, go as they are', async () => {
  const tables = await mkdtemp(join(tmpdir(), 'vanda-tables-'));
  await writeFile(join(tables, 'a.csv'), 'x\n1\n');
  await writeFile(join(tables, 'train-images-idx3-ubyte'), 'x');
  const names = (await collect([tables])).map(({ source }) => source.name);
  expect(names).toEqual(['a.csv', 'train-images-idx3-ubyte']);
  await rm(tables, { recursive: true });
});

test('a file that changes while it is sent is refused', async () => {
  const path = join(folder, 'changing.csv');
  await writeFile(path, 'a,b\n');
  const [planned] = await collect([path]);
  await writeFile(path, 'a,b\n1,2\n');
  await expect(planned?.source.read(0, 4)).rejects.toThrow('changed while it was sent');
  await rm(path);
});
