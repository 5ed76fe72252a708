import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Tensor } from './index.ts';
import {
  Graph,
  loadArtifact,
  nn,
  readSafetensors,
  Session,
  saveArtifact,
  tensor,
  writeSafetensors,
} from './index.ts';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'vanda-artifact-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}
const picture = (n: number, seed: number) =>
  tensor(
    Uint8Array.from({ length: n * 64 }, (_, i) => (i * 37 + seed * 11) % 256),
    [n, 8, 8, 1],
  );

async function saved() {
  const graph = new Graph({ seed: 4 });
  const image = graph.placeholder('pixels', [null, 8, 8, 1], 'u8');
  const model = nn.sequential([
    nn.rescale(1 / 255, -0.5),
    nn.conv2d(8, 3, { activation: 'relu' }),
    nn.batchNorm(),
    nn.maxPool(2),
    nn.flatten(),
    nn.dropout(0.5),
    nn.dense(3),
  ]);
  model.apply(image, { training: true });
  const scores = graph.softmax(model.apply(image, { training: false }));
  const session = new Session(graph);
  const dir = folder();
  await saveArtifact(dir, {
    session,
    signatures: { predict: { inputs: { image }, outputs: { scores } } },
    extra: { labels: ['a', 'b', 'c'] },
  });
  return { dir, session, scores };
}

test('an artifact answers as the session that wrote it, many calls at once', async () => {
  const { dir, session, scores } = await saved();
  const artifact = await loadArtifact(dir);
  expect(artifact.extra).toEqual({ labels: ['a', 'b', 'c'] });
  expect(artifact.signatures).toEqual({
    predict: {
      inputs: { image: { dtype: 'u8', shape: [null, 8, 8, 1] } },
      outputs: { scores: { dtype: 'f32', shape: [null, 3] } },
    },
  });
  const sizes = Array.from({ length: 40 }, (_, i) => 1 + (i % 7));
  const answers = await Promise.all(
    sizes.map((n, i) => artifact.run('predict', { image: picture(n, i) })),
  );
  for (const [i, n] of sizes.entries()) {
    expect(answers[i]?.scores).toEqual(
      session.runSync({ pixels: picture(n, i) }, { scores }).scores,
    );
  }
  await expect(artifact.run('nothing', {})).rejects.toMatchObject({ code: 'unknown_name' });
  await expect(artifact.run('predict', {})).rejects.toMatchObject({ code: 'invalid_feed' });
  const twice = { image: picture(1, 0), more: picture(1, 0) };
  await expect(artifact.run('predict', twice)).rejects.toMatchObject({ code: 'invalid_feed' });
  artifact.close();
  await expect(artifact.run('predict', { image: picture(1, 0) })).rejects.toMatchObject({
    code: 'closed',
  });
});

test('several models serve side by side', async () => {
  const models = await Promise.all([saved(), saved(), saved()]);
  const artifacts = await Promise.all(models.map(({ dir }) => loadArtifact(dir, { threads: 1 })));
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      artifacts[i % 3]?.run('predict', { image: picture(2, 1) }),
    ),
  );
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});

test('damaged artifacts are refused with a code, whatever is wrong', async () => {
  const { dir } = await saved();
  const file = join(dir, 'model.json');
  const good = readFileSync(file, 'utf8');
  const code = () =>
    loadArtifact(dir).then(
      () => 'loaded',
      (error) => error.code,
    );
  const model = JSON.parse(good);
  const change = (edit: (m: typeof model) => void) => {
    const copy = structuredClone(model);
    edit(copy);
    writeFileSync(file, JSON.stringify(copy));
  };
  const cases: [string, (m: typeof model) => void][] = [
    [
      'corrupt_file',
      (m) => {
        m.format = 'other';
      },
    ],
    [
      'corrupt_file',
      (m) => {
        m.signatures.predict.outputs.scores = 99;
      },
    ],
    [
      'corrupt_file',
      (m) => {
        delete m.graph.nodes;
      },
    ],
    [
      'unknown_op',
      (m) => {
        m.graph.nodes[1].op = 'spawn';
      },
    ],
    [
      'corrupt_file',
      (m) => {
        m.graph.nodes.find((n: { op: string }) => n.op === 'variable').name = 'other';
      },
    ],
  ];
  for (const [wanted, edit] of cases) {
    change(edit);
    expect(await code()).toBe(wanted);
  }
  writeFileSync(file, good.slice(0, good.length / 2));
  expect(await code()).toBe('corrupt_file');
  writeFileSync(file, good);
  expect(await code()).toBe('loaded');
  truncateSync(join(dir, 'weights.safetensors'), 100);
  expect(await code()).toBe('corrupt_file');
});

test('weights are loaded whole or not at all, and a plan that has packed them packs again', async () => {
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, 5, 5, 16]);
  const y = nn.conv2d(24, 3, { name: 'c' }).apply(x, { training: false });
  const session = new Session(graph, { threads: 2 });
  const feeds = {
    x: tensor(
      Float32Array.from({ length: 400 }, (_, i) => Math.sin(i)),
      [1, 5, 5, 16],
    ),
  };
  const answer = async (from = session) => (await from.run(feeds, { y })).y;
  const before = await answer();
  const own = session.variables();
  const more = { ...own, left: tensor([1, 2]) };
  const file = join(folder(), 'x.safetensors');
  const [first = '', last = ''] = Object.keys(own);
  const damaged = [
    { [first]: own[first] as Tensor },
    { ...more, [last]: tensor([1]) },
    { ...more, [last]: tensor(new Int32Array(24)) },
  ];
  for (const values of damaged) {
    // What fits is other than what the session holds: none of it may come in.
    const other = Object.entries(values).map(([name, value]) => [name, shifted(value)] as const);
    await writeSafetensors(file, Object.fromEntries(other));
    await expect(session.load(file)).rejects.toMatchObject({ code: 'corrupt_file', op: file });
    await expect(new Session(graph).load(file)).rejects.toMatchObject({ code: 'corrupt_file' });
  }
  await expect(session.load(`${file}.none`)).rejects.toMatchObject({ code: 'io' });
  expect(await answer()).toEqual(before);
  const moved = Object.entries(more).map(([name, value]) => [name, shifted(value)] as const);
  await writeSafetensors(file, Object.fromEntries(moved));
  const fresh = new Session(graph, { threads: 2 });
  await Promise.all([session.load(file), fresh.load(file)]);
  const { left: _, ...wanted } = Object.fromEntries(moved);
  expect(session.variables()).toEqual(wanted);
  expect(await answer()).not.toEqual(before);
  expect(await answer()).toEqual(await answer(fresh));
  session.assign(own);
  expect(await answer()).toEqual(before);
});

function shifted(value: Tensor): Tensor {
  if (!(value.data instanceof Float32Array)) return value;
  return { ...value, data: value.data.map((number) => number + 0.5) };
}

test('safetensors keep every dtype, and the metadata', async () => {
  const file = join(folder(), 'x.safetensors');
  const tensors: Record<string, Tensor> = {
    f: tensor([1.5, Number.NaN], [2, 1]),
    i: tensor(Int32Array.of(-1)),
    l: tensor(BigInt64Array.of(2n ** 60n)),
    u: tensor(Uint8Array.of(255, 0)),
    b: tensor([1, 0, 1], [3], 'bool'),
    none: tensor([], [0, 3]),
  };
  await writeSafetensors(file, tensors, { k: 'välue' });
  expect(await readSafetensors(file)).toEqual({ tensors, metadata: { k: 'välue' } });
});
