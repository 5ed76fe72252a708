import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { storedZip } from '../../../../tools/corpus/stored-zip.ts';
import { FormatError } from '../format-error.ts';
import { importKeras } from './keras-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'vanda-keras3-'));
afterAll(() => rm(folder, { recursive: true }));

const symbol = (name: string, call = 0) => ({
  class_name: '__keras_tensor__',
  config: { shape: [null, 4], dtype: 'float32', keras_history: [name, call, 0] },
});
const use = (args: unknown[], kwargs: object = {}) => [{ args, kwargs }];

/** A functional model of Keras 3: an input x, a layer d, for tests to spoil. */
function small() {
  const x = { name: 'x', class_name: 'InputLayer', config: { batch_shape: [null, 4] } };
  const d = { name: 'd', class_name: 'ReLU', config: { name: 'd' } };
  const layers = [
    { ...x, registered_name: null, inbound_nodes: [] },
    { ...d, registered_name: null, inbound_nodes: use([symbol('x')]) },
  ];
  const config = { name: 'm', layers, input_layers: ['x', 0, 0], output_layers: ['d', 0, 0] };
  return { module: 'keras', class_name: 'Functional', config, registered_name: 'Functional' };
}

async function take(model: object | string) {
  const text = typeof model === 'string' ? model : JSON.stringify(model);
  const file = join(folder, 'given.keras');
  const weights = { 'model.weights.h5': Buffer.from('no numbers') };
  await writeFile(file, storedZip({ 'config.json': Buffer.from(text), ...weights }));
  return await importKeras(file);
}

/** What is put in place of members of the layer d, or of x. */
const cases: [string, { d?: object; x?: object }, RegExp][] = [
  ['a layer of a program', { d: { registered_name: 'evil>ReLU' } }, /registered_name: 'evil>ReLU'/],
  ['a Lambda', { d: { class_name: 'Lambda' } }, /Lambda: it carries a program/],
  ['a function of a module', { d: { class_name: 'os.system' } }, /no layer 'os.system'/],
  [
    'an activation of a module',
    {
      d: {
        class_name: 'Activation',
        config: { activation: { class_name: 'function', module: 'builtins', config: 'eval' } },
      },
    },
    /activation\.config: is 'eval'/,
  ],
  [
    'a layer that reads itself',
    { d: { inbound_nodes: use([symbol('d')]) } },
    /depends on its own result/,
  ],
  [
    'a mask of its own result',
    { d: { inbound_nodes: use([symbol('x')], { mask: symbol('d') }) } },
    /depends on its own result/,
  ],
  [
    'a mask that is no result',
    { d: { inbound_nodes: use([symbol('x')], { mask: 3 }) } },
    /kwargs\.mask/,
  ],
  [
    'an argument that nobody knows',
    { d: { inbound_nodes: use([symbol('x')], { hook: 'x' }) } },
    /kwargs\.hook/,
  ],
  [
    'a layer that is told to train',
    { d: { inbound_nodes: use([symbol('x')], { training: true }) } },
    /kwargs\.training/,
  ],
  ['a plain number as input', { d: { inbound_nodes: use([symbol('x'), 7]) } }, /plain numbers/],
  ['a text as input', { d: { inbound_nodes: use(['x']) } }, /args\[0\]/],
  [
    'half precision',
    { d: { config: { dtype: { class_name: 'DTypePolicy', config: { name: 'mixed_float16' } } } } },
    /mixed_float16/,
  ],
  [
    'an input of open size',
    { x: { config: { batch_shape: [null, null] } } },
    /only the batch may be left open/,
  ],
  [
    'sizes that overflow',
    { x: { config: { batch_shape: [null, 2 ** 31, 4] } } },
    /batch_shape\[1\]/,
  ],
];

test.each(cases)('%s is refused', async (_, given, sentence) => {
  const model = small();
  const [x, d] = model.config.layers as [object, object];
  Object.assign(x, given.x);
  Object.assign(d, given.d);
  const taken = take(model);
  await expect(taken).rejects.toThrow(sentence);
  await expect(taken).rejects.toBeInstanceOf(FormatError);
});

test('what is right with the configuration comes as far as the weights', async () => {
  await expect(take(small())).rejects.toThrow(/is no HDF5 file/);
});

test('weights that no file of its size can hold are refused before any is read', async () => {
  const model = small();
  const d = { class_name: 'Dense', config: { name: 'd', units: 2 ** 30, use_bias: false } };
  Object.assign(model.config.layers[1] as object, d);
  await expect(take(model)).rejects.toThrow(
    `model.weights.h5: has 10 bytes, the layers of config.json need ${2 ** 34}`,
  );
});

test('a configuration that is no JSON, or without end', async () => {
  await expect(take('{')).rejects.toThrow(/config\.json: is not JSON/);
  await expect(take('['.repeat(200_000))).rejects.toThrow(FormatError);
  const deep = JSON.stringify(small()).replace(
    '["d",0,0]',
    `${'['.repeat(9000)}${']'.repeat(9000)}`,
  );
  await expect(take(deep)).rejects.toThrow(/too deep/);
});
