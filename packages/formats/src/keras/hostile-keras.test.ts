import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Group } from 'h5wasm';
import { File, ready } from 'h5wasm';
import { afterAll, expect, test } from 'vitest';
import { FormatError } from '../format-error.ts';
import { importKeras } from './keras-file.ts';

const golden = (name: string) =>
  fileURLToPath(new URL(`../../goldens/keras/${name}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'vanda-keras-'));
afterAll(() => rm(folder, { recursive: true }));
const { FS } = await ready;

async function take(bytes: Uint8Array) {
  const file = join(folder, 'given.h5');
  await writeFile(file, bytes);
  return await importKeras(file);
}

const kernel = new Float32Array(6).fill(0.5);
type Layer = { class_name: string; config: Record<string, unknown>; registered_name?: string };
const dense = (units: number): Layer => ({
  class_name: 'Dense',
  config: { name: 'd', units, use_bias: false, batch_input_shape: [null, 2] },
});

/** A file of one layer of 2 by 3; the group of its weights is made by the caller. */
function fileOf(
  make: (group: Group) => void = (group) =>
    group.create_dataset({ name: 'k', data: kernel, shape: [2, 3] }),
  layer: Layer = dense(3),
  weightNames: string[] = ['d/kernel'],
): Uint8Array {
  const file = new File('/made.h5', 'w');
  const config = { class_name: 'Sequential', config: { name: 's', layers: [layer] } };
  file.create_attribute('model_config', JSON.stringify(config));
  const group = file.create_group('model_weights').create_group('d');
  group.create_attribute('weight_names', weightNames);
  make(group.create_group('d'));
  file.close();
  return (FS as { readFile(path: string): Uint8Array }).readFile('/made.h5');
}

const kernelOf =
  (more: object, shape = [2, 3]) =>
  (group: Group) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    group.create_dataset({ name: 'kernel', data, shape, ...more });
  };

test('the file that the others spoil is taken', async () => {
  const { graph } = await take(fileOf(kernelOf({})));
  expect(graph.variables.map(({ name }) => name)).toEqual(['d/kernel']);
});

test('a block of the user before the file is passed over', async () => {
  const { graph } = await take(Buffer.concat([Buffer.alloc(2048), fileOf(kernelOf({}))]));
  expect(graph.variables.map(({ name }) => name)).toEqual(['d/kernel']);
});

const cases: [string, () => Uint8Array, RegExp][] = [
  ['a weight that is missing', () => fileOf(), /model_weights\/d\/d\/kernel: is missing/],
  [
    'a weight of another shape',
    () => fileOf(kernelOf({}, [3, 2])),
    /is \[3, 2\], the layer needs \[2, 3\]/,
  ],
  [
    'whole numbers',
    () =>
      fileOf((g) => g.create_dataset({ name: 'kernel', data: new Int32Array(6), shape: [2, 3] })),
    /must hold numbers of 4 or 8 bytes/,
  ],
  ['a group in place of a weight', () => fileOf((g) => g.create_group('kernel')), /is no dataset/],
  [
    'a link to another file',
    () => fileOf((g) => g.create_external_link('/etc/passwd', '/kernel', 'kernel')),
    /kernel: is a link/,
  ],
  [
    'a link to nothing',
    () => fileOf((g) => g.create_soft_link('/nowhere', 'kernel')),
    /kernel: (is a link|cannot be read|is missing)/,
  ],
  [
    'a filter that unpacks',
    () => fileOf(kernelOf({ chunks: [2, 3], compression: 9 })),
    /through the filter 'deflate'/,
  ],
  [
    'a weight that no layer needs',
    () => fileOf(kernelOf({}), dense(3), ['d/kernel', 'd/more']),
    /d\/more: no layer needs this weight/,
  ],
  [
    'names of weights that lead upwards',
    () => fileOf(kernelOf({}), dense(3), ['../d/kernel']),
    /\.\.: is missing/,
  ],
  [
    '2^40 numbers in a small file',
    () => fileOf(kernelOf({}), dense(2 ** 31 - 1)),
    /is \[2, 3\], the layer needs \[2, 2147483647\]/,
  ],
  [
    'a Lambda',
    () => fileOf(kernelOf({}), { ...dense(3), class_name: 'Lambda' }),
    /Lambda: it carries a program/,
  ],
  [
    'a registered class',
    () => fileOf(kernelOf({}), { ...dense(3), registered_name: 'evil>Dense' }),
    /evil>Dense/,
  ],
  [
    'no HDF5',
    () => Buffer.from('hello, this is no model at all'),
    /is no HDF5 file, or one that is cut off/,
  ],
  [
    'a file that is no HDF5 but at its start',
    () => fileOf(kernelOf({})).subarray(0, 40),
    /is no HDF5 file, or one that is cut off/,
  ],
  ['nothing', () => Buffer.alloc(0), /is no HDF5 file, or one that is cut off/],
];

test.each(cases)('%s is refused', async (_, make, sentence) => {
  const taken = take(make());
  await expect(taken).rejects.toThrow(sentence);
  await expect(taken).rejects.toBeInstanceOf(FormatError);
});

test.each([
  ['hostile_elsewhere.h5', /cannot be read/],
  ['hostile_typed.h5', /cannot be read/],
  ['hostile_virtual.h5', /is virtual: its numbers are said to lie in \/etc\/passwd/],
  ['hostile_chunked.h5', /announces in chunks of \[1000, 1000\], the file has \d+ bytes/],
])('%s: numbers that lie elsewhere are not fetched', async (name, sentence) => {
  await expect(importKeras(golden(name))).rejects.toThrow(sentence);
});

test('a file that leads the parser round in circles is given up', async () => {
  // A heap of texts with an object of no size.
  const taken = importKeras(golden('hostile_circle.h5'), { parserTimeoutMs: 1000 });
  await expect(taken).rejects.toThrow(/file: the parser did not come to an end within 1000 ms/);
});

test('config.json may name no program', async () => {
  const bytes = await readFile(golden('unsaid.keras'));
  const at = bytes.indexOf('"class_name": "Dense"');
  bytes.write('"class_name": "Dance"', at);
  await expect(take(bytes)).rejects.toThrow(/no layer 'Dance'/);
});

test('changed and shortened files are an answer or a FormatError', async () => {
  const bytes = await readFile(golden('nested.h5'));
  let seed = 5;
  for (let i = 0; i < 12; i += 1) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    const changed = Buffer.from(bytes);
    for (let k = 0; k < 4; k += 1) changed[(seed + 977 * k * i) % bytes.length] = (seed >> 16) + k;
    for (const given of [bytes.subarray(0, seed % bytes.length), changed])
      await take(given).catch((error) =>
        expect(error, `round ${i}, seed 5`).toBeInstanceOf(FormatError),
      );
  }
}, 60_000);
