import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@vanda/client';
import type { ModelExportView, ModelImportView } from '@vanda/contracts';
import { loadArtifact, readSafetensors, type Tensor, tensor } from '@vanda/engine';
import { startStack, type TestStack } from '@vanda/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonFrom, runVanda } from './run-vanda.ts';

// Models of other tools through the command alone: import, look, deploy, predict, export.

const root = join(import.meta.dirname, '../..');
const formats = join(root, 'packages/formats');
const goldens = join(formats, 'src/onnx/goldens');
let stack: TestStack;
let client: Client;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-import-'));
  stack = await startStack();
  client = createClient({ baseUrl: stack.url, apiKey: stack.apiKey });
});
afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

/** Runs with --json, expects success, answers the value. */
async function ask<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const ran = await runVanda([...args, '--json'], stack.cliEnvironment);
  if (ran.code !== 0) throw new Error(`vanda ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
  return jsonFrom<T>(ran);
}
async function refusal(...args: string[]) {
  const ran = await runVanda([...args, '--json'], stack.cliEnvironment);
  expect(ran.code).toBe(1);
  return jsonFrom<{ code: string; detail: string }>(ran);
}

const show = (name: string, version: number) =>
  client.models.version({ params: { name, version } });
/** Deploys a version to an endpoint of the model's name. */
const deploy = (name: string) => client.endpoints.create({ body: { name, model: `${name}@1` } });
/** Asks the inference server, as an app does. */
async function predict(name: string, instances: unknown[]) {
  const url = `${stack.inferenceUrl}/v1/models/${name}:predict`;
  const headers = { authorization: `Bearer ${stack.apiKey}` };
  const body = JSON.stringify({ instances });
  let answer: Record<string, unknown> = {};
  await expect
    .poll(
      async () => {
        const response = await fetch(url, { method: 'POST', headers, body });
        answer = (await response.json()) as typeof answer;
        return response.status;
      },
      { timeout: 30_000 },
    )
    .not.toBeOneOf([404, 503]);
  return answer;
}

/** The first pictures of torch's [N, C, H, W] as lists of rows, columns and channels. */
function channelsLast({ data, shape }: Tensor) {
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  const at = (n: number, c: number, y: number, x: number) =>
    Number(data[((n * channels + c) * height + y) * width + x]);
  const list = <T>(length: number, make: (index: number) => T) =>
    Array.from({ length }, (_, i) => make(i));
  return list(count, (n) =>
    list(height, (y) => list(width, (x) => list(channels, (c) => at(n, c, y, x)))),
  );
}

test('an ONNX file becomes a version that answers what its own tool answered', async () => {
  const made = await ask('models', 'import', 'cnn', join(goldens, 'cnn.onnx'));
  expect(made).toMatchObject({ model: 'cnn', version: 1, state: 'succeeded' });
  const version = await show('cnn', 1);
  expect(version).toMatchObject({
    task: 'tensors',
    jobId: null,
    dataset: null,
    source: { format: 'onnx', files: [{ name: 'cnn.onnx' }], backbone: null },
    signature: {
      input: { kind: 'tensors', tensors: [{ name: 'input', dtype: 'f32', shape: [12, 12, 3] }] },
      output: { kind: 'tensors', tensors: [{ name: 'output', dtype: 'f32', shape: [5] }] },
    },
  });
  const shown = await runVanda(['models', 'show', 'cnn@1'], stack.cliEnvironment);
  expect(shown.stdout).toMatch(
    /imported from +ONNX\n.*file +cnn\.onnx \(.*SHA-256 [0-9a-f]{64}\)/s,
  );

  await deploy('cnn');
  const { tensors } = await readSafetensors(join(goldens, 'cnn.safetensors'));
  const { input, output } = tensors;
  if (!input || !output) throw new Error('no goldens');
  const instances = channelsLast(input);
  const answer = await predict('cnn', instances);
  const said = (answer.predictions as number[][]).flat();
  expect(said).toHaveLength(output.data.length);
  for (const [i, value] of said.entries()) expect(value).toBeCloseTo(Number(output.data[i]), 4);
  expect((await predict('cnn', [[[[1, 2, 'x']]]])).error).toBe(
    'Instance 0: "input" must be lists of 12 x 12 x 3 (f32); a list has 1 instead of 12.',
  );

  expect(shown.stdout).toContain('input (12 x 12 x 3, f32)');
  const file = join(folder, 'cnn.onnx');
  const words = ['models', 'export', 'cnn@1', file, '--format', 'onnx'];
  const exported = await ask<ModelExportView>(...words);
  expect(exported.report).toMatchObject({ items: 32, madeUp: true });
  const told = await runVanda(words, stack.cliEnvironment);
  expect(told.stdout).toMatch(/^compared on +32 made-up items, run with ONNX Runtime$/m);
  expect(exported.report?.maxAbsoluteDifference).toBeLessThan(1e-5);
  // What leaves in Vanda's own format comes back in it.
  const archive = join(folder, 'cnn.vanda');
  await ask('models', 'download', 'cnn@1', archive);
  expect(await ask('models', 'import', 'cnn', archive)).toMatchObject({ version: 2 });
  const own = await show('cnn', 2);
  expect([own.source?.format, own.signature]).toEqual(['vanda', version.signature]);
});

test('with labels and pixels a network answers pictures by label', async () => {
  const args = ['--labels', 'a,b,c,d,e', '--divide', '255'];
  const file = join(goldens, 'cnn.onnx');
  await ask('models', 'import', 'pictures', file, ...args);
  await deploy('pictures');
  const picture = join(folder, 'picture.png');
  const raw = { width: 12, height: 12, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: 432 }, (_, i) => (i * 37) % 256);
  await sharp(pixels, { raw }).png().toFile(picture);
  type Answer = { predictions: { label: string; scores: Record<string, number> }[] };
  const { predictions } = await ask<Answer>('predict', 'pictures', `@${picture}`);
  const scaled = Array.from(pixels, (pixel) => pixel / 255);
  const rows = (width: number, list: unknown[]): unknown[] =>
    list.flatMap((_, i) => (i % width === 0 ? [list.slice(i, i + width)] : []));
  const instance = rows(12, rows(3, scaled));
  const plain = (await predict('cnn', [instance])) as { predictions: number[][] };
  // Its last operation is a softmax: the scores are its own.
  const scores = Object.values(predictions[0]?.scores ?? {});
  for (const [i, value] of (plain.predictions[0] ?? []).entries()) {
    expect(scores[i]).toBeCloseTo(value, 4);
  }
  expect(Object.keys(predictions[0]?.scores ?? {})).toEqual(['a', 'b', 'c', 'd', 'e']);
  const other = await refusal('models', 'import', 'pictures', file);
  expect(other.detail).toContain('"pictures" is for image-classification');
});

test('a Keras file and a folder of TensorFlow.js become versions', async () => {
  await ask('models', 'import', 'sentences', join(formats, 'goldens/keras/sentences.keras'));
  expect(await show('sentences', 1)).toMatchObject({ source: { format: 'keras' } });
  const { graphs } = JSON.parse(await readFile(join(formats, 'goldens/tfjs.json'), 'utf8'));
  const [{ json, base64 }] = graphs as [{ json: Manifest; base64: string }];
  const shards = join(folder, 'shards');
  await mkdir(shards);
  await writeFile(join(shards, 'model.json'), JSON.stringify(json));
  const [path = ''] = json.weightsManifest.flatMap(({ paths }) => paths);
  await writeFile(join(shards, path), Buffer.from(base64, 'base64'));
  await ask('models', 'import', 'shards', shards);
  const { source } = await show('shards', 1);
  expect(source?.format).toBe('tfjs-graph');
  expect(source?.files.map(({ name }) => name)).toEqual(['model.json', path].sort());
});
interface Manifest {
  weightsManifest: { paths: string[] }[];
}

test('what is hostile or no model ends with a sentence, and makes nothing', async () => {
  const cut = join(folder, 'cut.onnx');
  const whole = await readFile(join(goldens, 'cnn.onnx'));
  await writeFile(cut, whole.subarray(0, whole.length / 2));
  expect(await refusal('models', 'import', 'hostile', cut)).toMatchObject({
    code: 'bad-data',
    detail: expect.stringMatching(/^ONNX: .+\.$/),
  });
  const text = join(folder, 'notes.txt');
  await writeFile(text, 'nothing');
  expect((await refusal('models', 'import', 'hostile', text)).detail).toContain(
    'There is no model',
  );
  await expect(show('hostile', 1)).rejects.toThrow('There is no model hostile@1');
});

test('what is wrong with words, names and files is said with what would be right', async () => {
  const file = join(goldens, 'cnn.onnx');
  const labelled = ['models', 'import', 'slips', file, '--labels', 'a,b,c,d,e'];
  const said = async (...args: string[]) => (await refusal(...args)).detail;
  expect(await said(...labelled, '--divide', 'q')).toBe('--divide: Must be a number.');
  expect(await said(...labelled, '--dim', 'N=0')).toBe('--dim N: Must be at least 1.');
  expect(await said(...labelled, '--dim', 'sequence=3')).toMatch(
    /^ONNX: dims: the file has no dim 'sequence': it leaves (open|none)/,
  );
  await ask('models', 'import', 'sentences', join(formats, 'goldens/keras/sentences.keras'));
  const out = join(folder, 'sentences.onnx');
  expect(await said('models', 'export', 'sentences@1', out, '--format', 'onnx')).toMatch(
    /masks of steps are not exported\. The format safetensors takes every model\.$/,
  );
  await ask('models', 'import', 'slips', file);
  const nowhere = join(folder, 'none');
  for (const words of [
    ['models', 'export', 'slips@1', join(nowhere, 'x'), '--format', 'onnx'],
    ['models', 'download', 'slips@1', join(nowhere, 'x')],
  ]) {
    expect(await said(...words)).toContain(`There is no folder ${nowhere} to write`);
  }
  const version = ['models', 'export', 'slips@1', folder, '--format', 'tfjs'];
  expect(await said(...version)).toContain(`like ${join(folder, 'slips.zip')}.`);
  // None of these has begun an export.
  const begun = await client.exports.list({ params: { name: 'slips', version: 1 } });
  expect(begun.data).toEqual([]);
  const nobody = await runVanda(['models', 'show', 'slips@9'], stack.cliEnvironment);
  expect(nobody.stderr).toBe(
    'vanda: There is no model slips@9. See what there is: vanda models show slips\n',
  );
});

test('a backbone is pulled once, with a place to cut it at', async () => {
  const nsfwjs = join(root, 'node_modules/nsfwjs');
  const pull = ['backbones', 'pull', 'mobilenet_v2', '--from', nsfwjs];
  const wrong = ['backbones', 'pull', 'mobilenet_v2', '--from', join(goldens, 'cnn.onnx')];
  const sentence = 'There is no file of nsfwjs@4.4.0 (bring its package,';
  expect((await refusal(...wrong)).detail).toContain(sentence);
  const backbone = () => runVanda(['backbones', 'show', 'MobileNetV2'], stack.cliEnvironment);
  expect((await backbone()).stdout).toMatch(/^here +failed\nwhy +There is no file of/m);
  const made = await ask<ModelImportView>(...pull);
  expect(made).toMatchObject({ model: 'mobilenet-v2', version: 1, backbone: 'mobilenet_v2' });
  expect(await ask(...pull)).toEqual(made);
  expect((await backbone()).stdout).toMatch(/^here +mobilenet-v2@1\n.*\(3\.5 MB, SHA-256 ef2e0a/ms);
  const list = await client.backbones.list();
  expect(list.data.find(({ name }) => name === 'mobilenet_v2')?.version).toBe(1);
  const version = await show('mobilenet-v2', 1);
  expect(version.source).toMatchObject({ backbone: 'mobilenet_v2', package: 'nsfwjs@4.4.0' });

  const archive = join(folder, 'mobilenet.zip');
  await ask('models', 'export', 'mobilenet-v2@1', archive, '--format', 'safetensors');
  const { execFileSync } = await import('node:child_process');
  execFileSync('unzip', ['-q', archive, '-d', join(folder, 'mobilenet')]);
  const artifact = await loadArtifact(join(folder, 'mobilenet'), { threads: 1 });
  const { predict, layers } = artifact.signatures;
  expect(artifact.extra).toMatchObject({ features: 'flatten_1' });
  expect(layers?.inputs).toEqual(predict?.inputs);
  expect(layers?.outputs.flatten_1).toEqual({ dtype: 'f32', shape: [null, 1280] });
  expect(Object.keys(layers?.outputs ?? {}).length).toBeGreaterThan(100);
  const image = tensor(new Uint8Array(224 * 224 * 3).fill(128), [1, 224, 224, 3]);
  const { flatten_1: features } = await artifact.run('layers', { image });
  expect(features?.data.some((value) => Number(value) > 0)).toBe(true);
  artifact.close();
});
