import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
  const file = join(mkdtempSync(join(tmpdir(), 'vanda-column-')), 'x.bin');
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
