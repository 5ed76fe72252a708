import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Graph, Pipeline, Session } from './index.ts';

function reader() {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 2]);
  return { session: new Session(graph, { threads: 1 }), x, mean: graph.mean(x) };
}

test('evaluate joins the rows of every batch in order and stacks what has no batch', async () => {
  const { session, x, mean } = reader();
  const data = Float32Array.from({ length: 14 }, (_, i) => i);
  const pipeline = new Pipeline({ columns: { x: { data, shape: [2] } }, batchSize: 3 });
  expect([pipeline.rowCount, pipeline.batchesPerEpoch]).toEqual([7, 3]);
  const out = await session.evaluate(pipeline, { x, mean });
  expect(out.x).toEqual({ dtype: 'f32', shape: [7, 2], data });
  expect(out.mean).toEqual({ dtype: 'f32', shape: [3], data: Float32Array.of(2.5, 8.5, 12.5) });
});

test('u8 columns are cast and normalised per channel, from memory and from a mapped file', async () => {
  const { session, x } = reader();
  const bytes = Uint8Array.of(0, 255, 51, 102, 204, 153);
  const normalize = { scale: [1 / 255, 2], shift: [0, 1] };
  const wanted = Float32Array.of(0, 511, 0.2, 205, 0.8, 307);
  const folder = mkdtempSync(join(tmpdir(), 'vanda-column-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'x.bin');
  writeFileSync(file, Buffer.concat([Buffer.from('head'), bytes]));
  const sources = [
    { data: bytes, shape: [2], normalize },
    { file, dtype: 'u8' as const, offset: 4, shape: [2], rows: 3, normalize },
  ];
  for (const source of sources) {
    const out = await session.evaluate(new Pipeline({ columns: { x: source }, batchSize: 2 }), {
      x,
    });
    for (const [i, value] of wanted.entries()) expect(Number(out.x.data[i])).toBeCloseTo(value, 4);
  }
  expect(
    () =>
      new Pipeline({ columns: { x: { file, dtype: 'u8', shape: [2], rows: 6 } }, batchSize: 2 }),
  ).toThrow(/too short/);
});

test('only the named rows are read; a shuffle is a function of the seed', async () => {
  const { session, x } = reader();
  const data = Float32Array.from({ length: 200 }, (_, i) => Math.floor(i / 2));
  const rows = Uint32Array.from({ length: 50 }, (_, i) => 2 * i);
  const read = async (seed: number) => {
    const pipeline = new Pipeline({
      columns: { x: { data, shape: [2] } },
      batchSize: 7,
      rows,
      shuffle: true,
      seed,
    });
    const out = await session.evaluate(pipeline, { x });
    return Array.from({ length: 50 }, (_, i) => Number(out.x.data[2 * i]));
  };
  const first = await read(1);
  expect(first).toEqual(await read(1));
  expect(first).not.toEqual(await read(2));
  expect([...first].sort((a, b) => a - b)).toEqual([...rows]);
});

test('columns that do not fit are refused', () => {
  const data = new Float32Array(10);
  const make = (options: Partial<ConstructorParameters<typeof Pipeline>[0]>) => () =>
    new Pipeline({ columns: { x: { data, shape: [2] } }, batchSize: 2, ...options });
  expect(make({ columns: { x: { data, shape: [3] } } })).toThrow(/do not divide/);
  expect(make({ columns: { x: { data }, y: { data: new Int32Array(9) } } })).toThrow(/has 9 rows/);
  expect(make({ batchSize: 0 })).toThrow(/batchSize/);
  expect(make({ batchSize: Number.NaN })).toThrow(/whole number/);
  expect(make({ batchSize: 9, dropRemainder: true })).toThrow(/larger than/);
  expect(make({ rows: Uint32Array.of(5) })).toThrow(/outside/);
  expect(make({ rows: new Uint32Array(0) })).toThrow(/no row/);
  expect(make({ prefetch: 0 })).toThrow(/prefetch/);
  const closed = make({})();
  closed.close();
  expect(() => closed.handle).toThrow(/closed/);
});

/** Rows that say which they are: [item, item * 2]. */
const rowOf = (item: number) => Float32Array.of(item, item * 2);

function decoded(options: { bytesMax?: number; decode?: (item: number) => Promise<Float32Array> }) {
  let running = 0;
  const seen = { most: 0, made: 0 };
  const decode = async (item: number): Promise<Float32Array> => {
    running += 1;
    seen.made += 1;
    seen.most = Math.max(seen.most, running);
    await new Promise((resolve) => setTimeout(resolve, (item * 7) % 5));
    running -= 1;
    return rowOf(item);
  };
  const source = { decode, dtype: 'f32' as const, shape: [2], rows: 40, atOnce: 6, ...options };
  return { seen, source };
}

test('rows that are decoded on the way are those of a column in memory, whatever comes first', async () => {
  const { session, x } = reader();
  const data = Float32Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? i / 2 : i - 1));
  const shared = { batchSize: 8, shuffle: true, seed: 11 };
  const plain = new Pipeline({ columns: { x: { data, shape: [2] } }, ...shared });
  const { seen, source } = decoded({ bytesMax: 10 * 8 });
  const ring = new Pipeline({ columns: { x: source }, ...shared, threads: 2 });
  const wanted = await session.evaluate(plain, { x });
  expect((await session.evaluate(ring, { x })).x).toEqual(wanted.x);
  expect((await session.evaluate(ring, { x })).x).toEqual(wanted.x);
  expect(seen.most).toBeGreaterThan(1);
  expect(seen.most).toBeLessThanOrEqual(6);
  expect(seen.made).toBe(80);
});

test('a row that cannot be decoded ends the reading with its reason', async () => {
  const { session, x } = reader();
  const decode = async (item: number): Promise<Float32Array> => {
    if (item === 13) throw new Error('the picture is broken');
    return rowOf(item);
  };
  const pipeline = new Pipeline({ columns: { x: decoded({ decode }).source }, batchSize: 8 });
  await expect(session.evaluate(pipeline, { x })).rejects.toThrow(
    'x: item 13 could not be made: the picture is broken',
  );
  const short = decoded({ decode: async () => new Float32Array(1) }).source;
  await expect(
    session.evaluate(new Pipeline({ columns: { x: short }, batchSize: 8 }), { x }),
  ).rejects.toThrow(/4 bytes where f32\[2\] needs 8/);
  expect(
    () => new Pipeline({ columns: { x: decoded({ bytesMax: 7 * 8 }).source }, batchSize: 8 }),
  ).toThrow(/room for 7 rows of 8 bytes; a batch needs 8/);
});

function pictures(augment: object, options: object = {}) {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 6, 8, 3], 'u8');
  const session = new Session(graph, { threads: 1 });
  const data = Uint8Array.from({ length: 10 * 144 }, (_, i) => (i * 37) % 251);
  const pipeline = new Pipeline({
    columns: { x: { data, shape: [6, 8, 3], augment } },
    batchSize: 4,
    seed: 5,
    ...options,
  });
  return { data, run: async () => (await session.evaluate(pipeline, { x })).x.data as Uint8Array };
}

test('pictures are augmented the same way for the same seed, on any number of threads', async () => {
  const all = { flip: true, crop: 0.3, rotate: 20, brightness: 0.2, contrast: 0.3 };
  const { data, run } = pictures(all);
  const first = await run();
  expect(first).not.toEqual(data);
  expect(await run()).toEqual(first);
  expect(await pictures(all, { threads: 3 }).run()).toEqual(first);
  expect(await pictures(all, { seed: 6 }).run()).not.toEqual(first);
  // Nothing asked for, nothing changed; a flip alone only moves pixels.
  expect(await pictures({}).run()).toEqual(data);
  const flipped = await pictures({ flip: true }).run();
  const rows = Array.from({ length: 10 }, (_, i) => i * 144);
  const same = rows.filter((at) => flipped[at] === data[at]);
  expect(same.length).toBeGreaterThan(0);
  expect(same.length).toBeLessThan(10);
  for (const at of rows) {
    const pixel = same.includes(at) ? at : at + 7 * 3;
    expect([...flipped.subarray(at, at + 3)]).toEqual([...data.subarray(pixel, pixel + 3)]);
  }
});

test('what cannot be augmented is refused', () => {
  expect(() => pictures({ crop: 2 })).toThrow(/crop must be 0 to 0.9/);
  expect(() => pictures({ zoom: 1 })).toThrow(/not this 'zoom'/);
  expect(
    () =>
      new Pipeline({
        columns: { x: { data: new Float32Array(4), shape: [2], augment: { flip: true } } },
        batchSize: 1,
      }),
  ).toThrow(/only pictures/);
});
