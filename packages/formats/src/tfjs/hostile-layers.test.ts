import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FormatError } from '../format-error.ts';
import { importTfjsLayers } from './layers-model.ts';
import { readTfjsFolder } from './model-folder.ts';

/** A dense layer of 2 by 3, as a functional model, for tests to spoil. */
function small() {
  const input = { class_name: 'InputLayer', config: { name: 'x', batch_input_shape: [null, 2] } };
  const dense = { class_name: 'Dense', config: { name: 'd', units: 3, use_bias: false } };
  const layers = [
    { name: 'x', ...input, inbound_nodes: [] as unknown },
    { name: 'd', ...dense, inbound_nodes: [[['x', 0, 0, {}]]] as unknown },
  ];
  const config = { name: 'm', layers, input_layers: [['x', 0, 0]], output_layers: [['d', 0, 0]] };
  const weights = [{ name: 'd/kernel', shape: [2, 3] as unknown, dtype: 'float32' }];
  return {
    modelTopology: { model_config: { class_name: 'Model', config } },
    weightsManifest: [{ paths: ['a.bin'], weights }],
  };
}
// biome-ignore lint/suspicious/noExplicitAny: spoiling means to put in what does not fit
type Spoil = (file: any) => void;

// biome-ignore lint/suspicious/noExplicitAny: the same
const config = (file: any): any => file.modelTopology.model_config.config;

function refusal(spoil: Spoil, bytes = 24): FormatError {
  const file = small();
  spoil(file);
  try {
    importTfjsLayers(file, new Uint8Array(bytes));
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('the file was taken');
}

test('the file that the others spoil is taken', () => {
  expect(Object.keys(importTfjsLayers(small(), new Uint8Array(24)).outputs)).toEqual(['d']);
});

const cases: [string, Spoil, RegExp][] = [
  [
    'notes in lists over lists',
    (f) => {
      f.userDefinedMetadata = { note: JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) };
    },
    /userDefinedMetadata\.note.*too deep/,
  ],
  [
    'a layer whose name is no name',
    (f) => {
      config(f).layers[0].name = '__proto__';
      config(f).layers[1].inbound_nodes = [[['__proto__', 0, 0, {}]]];
      config(f).input_layers = [['__proto__', 0, 0]];
    },
    /layers\[0\].*needs a name/,
  ],
  [
    'a list in place of the file',
    (f) => {
      f.modelTopology = [];
    },
    /modelTopology.*must be an object/,
  ],
  [
    'a text where a list belongs',
    (f) => {
      config(f).layers = 'x';
    },
    /config\.layers.*'x'.*must be a list/,
  ],
  [
    'a number where a name belongs',
    (f) => {
      config(f).layers[1].config.name = 3;
      config(f).layers[1].name = 3;
    },
    /layers\[1\]\.name.*must be a text/,
  ],
  [
    'a negative size',
    (f) => {
      config(f).layers[1].config.units = -3;
    },
    /layers\[1\]\.config\.units.*whole number from 1/,
  ],
  [
    'a size that is no whole number',
    (f) => {
      config(f).layers[1].config.units = 2.5;
    },
    /config\.units/,
  ],
  [
    'sizes that overflow',
    (f) => {
      config(f).layers[0].config.batch_input_shape = [null, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1];
      config(f).layers[1].class_name = 'Flatten';
    },
    /layers\[\d\]\.config/,
  ],
  [
    'a negative shape of a weight',
    (f) => {
      f.weightsManifest[0].weights[0].shape = [-2, 3];
    },
    /weights\[0\]\.shape\[0\]/,
  ],
  [
    '2^40 elements in 24 bytes',
    (f) => {
      f.weightsManifest[0].weights[0].shape = [2 ** 20, 2 ** 20];
    },
    /weights\[0\].*the weights end at 24/,
  ],
  [
    '2^60 elements in 24 bytes',
    (f) => {
      f.weightsManifest[0].weights[0].shape = [2 ** 30, 2 ** 30];
    },
    /weights\[0\]\.shape.*more elements/,
  ],
  [
    'a weight past the end',
    (f) => {
      f.weightsManifest[0].weights.push({ name: 'e', shape: [1], dtype: 'float32' });
    },
    /weights\[1\].*bytes 24 to 28/,
  ],
  [
    'a weight that nobody needs',
    (f) => {
      f.weightsManifest[0].weights.push({ name: 'e', shape: [0], dtype: 'float32' });
    },
    /e: no layer/,
  ],
  [
    'two weights of one name',
    (f) => {
      f.weightsManifest[0].weights.push(f.weightsManifest[0].weights[0]);
    },
    /two weights/,
  ],
  [
    'a weight of texts',
    (f) => {
      f.weightsManifest[0].weights[0].dtype = 'string';
    },
    /dtype.*'string'.*known are/,
  ],
  [
    'a weight of another shape',
    (f) => {
      f.weightsManifest[0].weights[0].shape = [3, 2];
    },
    /d\/kernel.*\[3, 2\].*\[2, 3\]/,
  ],
  [
    'a missing weight',
    (f) => {
      f.weightsManifest[0].weights[0].name = 'other';
    },
    /d\/kernel.*no weight/,
  ],
  [
    'a scale that is no number',
    (f) => {
      Object.assign(f.weightsManifest[0].weights[0], {
        shape: [24],
        quantization: { dtype: 'uint8', scale: 'x', min: 0 },
      });
    },
    /quantization\.scale/,
  ],
  [
    'a layer that nobody knows',
    (f) => {
      config(f).layers[1].class_name = 'Teapot';
    },
    /no layer 'Teapot'/,
  ],
  [
    'a Lambda',
    (f) => {
      config(f).layers[1].class_name = 'Lambda';
    },
    /Lambda: it carries a program/,
  ],
  [
    'constructor as a layer',
    (f) => {
      config(f).layers[1].class_name = 'constructor';
    },
    /no layer 'constructor'/,
  ],
  [
    'a registered class',
    (f) => {
      config(f).layers[1].registered_name = 'evil>Dense';
    },
    /registered_name.*evil>Dense/,
  ],
  [
    'a layer that reads itself',
    (f) => {
      config(f).layers[1].inbound_nodes = [[['d', 0, 0, {}]]];
    },
    /depends on its own result/,
  ],
  [
    'two layers in a circle',
    (f) => {
      config(f).layers.push({
        ...config(f).layers[1],
        name: 'e',
        inbound_nodes: [[['d', 0, 0, {}]]],
      });
      config(f).layers[1].inbound_nodes = [[['e', 0, 0, {}]]];
    },
    /depends on its own result/,
  ],
  [
    'a layer that is not there',
    (f) => {
      config(f).layers[1].inbound_nodes = [[['y', 0, 0, {}]]];
    },
    /'y' has no call 0/,
  ],
  [
    'an output that is not there',
    (f) => {
      config(f).output_layers = [['d', 0, 7]];
    },
    /output_layers\[0\].*output 7/,
  ],
  [
    'an input that is no input',
    (f) => {
      config(f).input_layers = [['d', 0, 0]];
    },
    /no InputLayer/,
  ],
  [
    'two layers of one name',
    (f) => {
      config(f).layers[1].name = 'x';
    },
    /two layers called 'x'/,
  ],
  [
    'lists in lists without end',
    (f) => {
      config(f).output_layers = JSON.parse('['.repeat(5000) + ']'.repeat(5000));
    },
    /too deep/,
  ],
  [
    'channels first',
    (f) => {
      Object.assign(config(f).layers[1], { class_name: 'Flatten' });
      config(f).layers[1].config.data_format = 'channels_first';
    },
    /data_format.*only channels_last/,
  ],
  [
    'half precision',
    (f) => {
      config(f).layers[1].config.dtype = 'float16';
    },
    /config\.dtype/,
  ],
  [
    'a shard in another folder',
    (f) => {
      f.weightsManifest[0].paths = ['../a.bin'];
    },
    /paths\[0\].*plain name/,
  ],
  [
    'a shard at an absolute path',
    (f) => {
      f.weightsManifest[0].paths = ['/etc/passwd'];
    },
    /paths\[0\].*plain name/,
  ],
];

test.each(cases)('%s is refused', (_, spoil, sentence) => {
  expect(refusal(spoil).message).toMatch(sentence);
});

test('models in models are counted: none unfold to more than there is room for', () => {
  const input = { name: 'x', class_name: 'InputLayer', config: { batch_input_shape: [null, 2] } };
  let inner: object = { class_name: 'ReLU', config: { name: 'r' } };
  for (let level = 0; level < 12; level += 1) {
    const uses = Array.from({ length: 10 }, (_, i) => [
      [i === 0 ? 'x' : 'm', Math.max(0, i - 1), 0, {}],
    ]);
    const layers = [input, { ...inner, name: 'm', inbound_nodes: uses }];
    const config = { name: 'm', layers, input_layers: [['x', 0, 0]], output_layers: [['m', 9, 0]] };
    inner = { class_name: 'Model', config };
  }
  const spoil: Spoil = (file) => {
    file.modelTopology.model_config = inner;
    file.weightsManifest = [];
  };
  expect(refusal(spoil, 0).message).toMatch(/applies over 50000 layers/);
});

test('a folder is left by no name and no link', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vanda-tfjs-'));
  try {
    const file = small();
    await writeFile(join(folder, 'model.json'), JSON.stringify(file));
    await writeFile(join(folder, 'a.bin'), new Uint8Array(24));
    const read = await readTfjsFolder(folder);
    expect(Object.keys(importTfjsLayers(read.modelJson, read.weightBytes).outputs)).toEqual(['d']);
    await rm(join(folder, 'a.bin'));
    await symlink('/etc/hostname', join(folder, 'a.bin'));
    await expect(readTfjsFolder(folder)).rejects.toThrow(/a\.bin: is a link/);
    file.weightsManifest[0] = { paths: ['..'], weights: [] };
    await writeFile(join(folder, 'model.json'), JSON.stringify(file));
    await expect(readTfjsFolder(folder)).rejects.toThrow(/paths\[0\].*plain name/);
    await writeFile(join(folder, 'model.json'), '{');
    await expect(readTfjsFolder(folder)).rejects.toThrow(/model\.json: is not JSON/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
