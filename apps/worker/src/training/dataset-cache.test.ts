import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyLayout, type ObjectStore, openObjectStore } from '@vanda/objects';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DatasetCache } from './dataset-cache.ts';

let folder: string;
let disk: ObjectStore;
/** The same store as one that is somewhere else. */
let objects: ObjectStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-cache-'));
  disk = await openObjectStore({
    url: `disk:${join(folder, 'store')}`,
    secret: 's'.repeat(32),
    publicUrl: 'http://127.0.0.1:1',
  });
  objects = new Proxy(disk, {
    get(target, name) {
      const value = name === 'localPath' ? undefined : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
});
afterAll(() => rm(folder, { recursive: true }));

const signal = new AbortController().signal;

async function store(bytes: Buffer) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const key = keyLayout.datasetContent('prj_test', sha256);
  await objects.put(key, bytes);
  return { key, sha256, bytes: bytes.length, items: 1 };
}

it('fetches a file once, checks it, and lets an attempt keep it after it was pushed out', async () => {
  const cacheFolder = join(folder, 'cache');
  const cache = new DatasetCache(cacheFolder, objects, 1500);
  const first = await store(randomBytes(1000));
  const [path] = await cache.provide([first], join(folder, 'one'), signal);
  await objects.delete(first.key);
  await cache.provide([first], join(folder, 'two'), signal);
  const second = await store(randomBytes(1000));
  await cache.provide([second], join(folder, 'three'), signal);
  expect(await readdir(cacheFolder)).toEqual([second.sha256]);
  expect((await readFile(path as string)).length).toBe(1000);
});

it('refuses bytes that are not what the version says, and keeps none of them', async () => {
  const cacheFolder = join(folder, 'other-cache');
  const cache = new DatasetCache(cacheFolder, objects, 10_000);
  const file = await store(randomBytes(100));
  await objects.put(file.key, randomBytes(100));
  await expect(cache.provide([file], join(folder, 'four'), signal)).rejects.toMatchObject({
    code: 'checksum-mismatch',
  });
  expect(await readdir(cacheFolder)).toEqual([]);
  await writeFile(join(cacheFolder, file.sha256), randomBytes(10));
  await expect(cache.provide([file], join(folder, 'five'), signal)).rejects.toMatchObject({
    code: 'checksum-mismatch',
  });
});

it('links the files of a store on this machine, without a copy, and checks them', async () => {
  const cacheFolder = join(folder, 'unused-cache');
  const cache = new DatasetCache(cacheFolder, disk, 10_000);
  const file = await store(randomBytes(100));
  const [path = ''] = await cache.provide([file], join(folder, 'six'), signal);
  expect((await stat(path)).nlink).toBe(2);
  expect(await readdir(cacheFolder)).toEqual([]);
  await disk.put(file.key, randomBytes(100));
  await expect(cache.provide([file], join(folder, 'seven'), signal)).rejects.toMatchObject({
    code: 'checksum-mismatch',
  });
  expect((await readFile(path)).length).toBe(100);
});
