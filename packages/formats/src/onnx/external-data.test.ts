import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session, tensor } from '@vanda/engine';
import { expect, onTestFinished, test } from 'vitest';
import { importOnnx } from './import-onnx.ts';
import { node, tinyModel } from './tiny-model.fixture.ts';

/** A folder with a model whose weight lies in another file, and a secret beside the folder. */
async function modelWith(entries: Record<string, string>): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'vanda-onnx-'));
  onTestFinished(() => rm(parent, { recursive: true }));
  const folder = join(parent, 'model');
  await mkdir(join(folder, 'parts'), { recursive: true });
  const weights = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  await writeFile(join(folder, 'weights.bin'), weights);
  await writeFile(join(folder, 'parts', 'weights.bin'), weights);
  await writeFile(join(parent, 'secret.bin'), weights);
  await symlink(join(parent, 'secret.bin'), join(folder, 'symbolic.bin'));
  await symlink(parent, join(folder, 'up'));
  await link(join(parent, 'secret.bin'), join(folder, 'hard.bin'));
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  const bytes = tinyModel({
    nodes: [node('Mul', ['x', 'w'], ['y'])],
    initializers: [{ name: 'w', dims: [4], dataType: 1, dataLocation: 1, externalData }],
  });
  await writeFile(join(folder, 'model.onnx'), bytes);
  return join(folder, 'model.onnx');
}

test('weights are read from a file beside the model', async () => {
  for (const location of ['weights.bin', 'parts/weights.bin']) {
    const path = await modelWith({ location, offset: '8', length: '16' });
    const { graph, outputs } = await importOnnx(path);
    const session = new Session(graph, { threads: 1 });
    const { y } = session.runSync({ x: tensor([1, 1, 1, 1], [1, 4]) }, { y: outputs.y as never });
    expect(Array.from(y.data as Float32Array)).toEqual([3, 4, 5, 6]);
  }
});

test.for([
  ['an absolute path', '/etc/passwd', /absolute path/],
  ['a drive', 'C:\\weights.bin', /absolute path/],
  ['the folder above', '../secret.bin', /leaves the folder/],
  ['the folder above, later on', 'parts/../../secret.bin', /leaves the folder/],
  ['a symbolic link', 'symbolic.bin', /symbolic link/],
  ['a folder that is a symbolic link', 'up/secret.bin', /symbolic link/],
  ['a hard link', 'hard.bin', /hard link/],
  ['a folder', 'parts', /no ordinary file/],
  ['nothing', 'missing.bin', /does not exist/],
  ['no name', '', /no path/],
  ['a zero byte', 'weights.bin\0.png', /no path/],
] as const)('%s is refused', async ([, location, why]) => {
  const path = await modelWith({ location, length: '16' });
  await expect(importOnnx(path)).rejects.toThrow(why);
  await expect(importOnnx(path)).rejects.toThrow(/initializer 'w'\.external_data/);
});

test.for([
  [{ offset: '16' }, /bytes 16 to 32 of a file of 24/],
  [{ offset: '-8' }, /'-8' is no whole number/],
  [{ offset: '1e3' }, /no whole number/],
  [{ offset: '999999999999999999999' }, /no whole number/],
  [{ length: '4' }, /is 4 where the shape needs 16/],
  [{ length: '1099511627776' }, /where the shape needs 16/],
] as const)('a part that is not there is refused: %o', async ([entries, why]) => {
  const path = await modelWith({ location: 'weights.bin', ...entries });
  await expect(importOnnx(path)).rejects.toThrow(why);
});

test('a model of bytes alone reads no file', async () => {
  const bytes = tinyModel({
    nodes: [node('Mul', ['x', 'w'], ['y'])],
    initializers: [
      {
        name: 'w',
        dims: [4],
        dataType: 1,
        dataLocation: 1,
        externalData: [{ key: 'location', value: 'w' }],
      },
    ],
  });
  await expect(importOnnx(bytes)).rejects.toThrow(/no folder to read it from/);
});
