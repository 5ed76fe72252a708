import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeArchive } from './model-archive.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-archive-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('writes a ZIP that other programs read, the same for the same files', async () => {
  const weights = Buffer.alloc(300_000, 7);
  await writeFile(join(folder, 'graph'), '{"graph": 1}');
  await writeFile(join(folder, 'weights'), weights);
  const files = [
    { name: 'model.json', path: join(folder, 'graph') },
    { name: 'weights.safetensors', path: join(folder, 'weights') },
  ];
  await writeArchive(join(folder, 'a.vanda'), files);
  await writeArchive(join(folder, 'b.vanda'), files);
  const bytes = await readFile(join(folder, 'a.vanda'));
  expect(await readFile(join(folder, 'b.vanda'))).toEqual(bytes);
  const script = `import sys, zipfile, hashlib
z = zipfile.ZipFile(sys.argv[1])
print(z.testzip(), *(f"{n}:{hashlib.sha256(z.read(n)).hexdigest()}" for n in z.namelist()))`;
  const python = execFileSync('python3', ['-c', script, join(folder, 'a.vanda')]);
  const hashes = [
    `model.json:${sha256(Buffer.from('{"graph": 1}'))}`,
    `weights.safetensors:${sha256(weights)}`,
  ];
  expect(python.toString().trim()).toBe(`None ${hashes.join(' ')}`);
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
