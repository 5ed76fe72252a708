import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  completeSpec,
  identityEnd,
  parseOrThrow,
  type TableProfile,
  trainSpec,
} from '@vanda/contracts';
import { afterAll, expect, it } from 'vitest';
import { openTable, type TableSource } from '../standalone/open-table.ts';
import { openDuckDb, quoteText } from '../table/duckdb.ts';
import { train } from '../train.ts';
import type { Answers, ItemDescriber } from './answers.ts';
import { readTestItems } from './read-test-items.fixture.ts';
import { writePredictions } from './write-predictions.ts';
import { writeTestItems } from './write-test-items.ts';

const folder = mkdtempSync(join(tmpdir(), 'predictions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const signal = new AbortController().signal;

async function read(path: string): Promise<Record<string, unknown>[]> {
  const database = await openDuckDb({ threads: 1 });
  try {
    return await database.rows(`SELECT * FROM read_parquet(${quoteText(path)})`);
  } finally {
    database.close();
  }
}

async function trainOn(source: TableSource, given: object) {
  const workDir = mkdtempSync(join(folder, 'run-'));
  const data = await openTable(source, workDir, 1);
  const parsed = parseOrThrow(trainSpec, { name: 'm', dataset: 'd', ...given }, 'invalid-spec');
  const { spec } = completeSpec(parsed, 'd@1', data.profile as TableProfile);
  const options = { workDir, threads: 1, signal };
  const result = await train(spec, data, options, { progress() {}, metrics() {}, log() {} });
  if (result.predictions === null) throw new Error('no predictions');
  const { items, parquet, testItems } = result.predictions;
  return { result, items, rows: await read(parquet), file: readTestItems(testItems) };
}

const label = 'a "quoted", label\nof two lines';
const flower = (n: number, changes: object = {}) => ({
  size: n % 7,
  // Learned by no one, so that some answers are wrong.
  kind: (n * 7919) % 10 < 5 ? label : 'other',
  when: new Date(Date.UTC(2020, 0, 1 + n)).toISOString().slice(0, 10),
  ...changes,
});
const classes = { task: 'tabular-classification', target: 'kind', training: { epochs: 2 } };

it('keeps what a classification says about each row of the test split', async () => {
  const source = Array.from({ length: 200 }, (_, n) => flower(n));
  const { result, items, rows, file } = await trainOn(source, classes);
  expect(items).toBe(result.metrics.test?.count);
  expect(rows).toHaveLength(items);
  const right = rows.filter((row) => row.label === row.predicted).length;
  expect(right / items).toBeCloseTo(result.metrics.test?.accuracy ?? -1, 9);
  for (const row of rows) {
    expect(row.label).toBe(source[Number(row.row)]?.kind);
    expect(row.score).toBeGreaterThanOrEqual(0.5);
  }
  const splits = await read(result.splits);
  const test = splits.filter(({ split }) => split === 'test').map((row) => row.row);
  expect(rows.map((row) => row.row)).toEqual(test);

  const { head, records } = file;
  const byRow = new Map(rows.map((row) => [Number(row.row), row]));
  expect(records).toHaveLength(items);
  for (const [, row = -1, truth = -1, predicted = -1, score] of records) {
    const there = byRow.get(row);
    expect(head.labels?.[truth]).toBe(there?.label);
    expect(head.labels?.[predicted]).toBe(there?.predicted);
    expect(score).toBe(there?.score);
  }
  const wrong = rows.filter((row) => row.label !== row.predicted).map((row) => Number(row.row));
  expect(wrong.length).toBeGreaterThan(0);
  expect(head.examples.rows.toSorted((a, b) => a - b)).toEqual(wrong);
  const [worst = -1] = head.examples.rows;
  expect(head.examples.preview).toMatchObject({ kind: 'table', columns: ['size', 'kind', 'when'] });
  if (head.examples.preview.kind !== 'table') throw new Error('not a table');
  const { size, kind, when } = flower(worst);
  expect(head.examples.preview.rows[0]).toEqual([size, kind, when]);
});

it('knows a row again in another table, whatever its place, and no other', async () => {
  const split = { split: { test: 0.5 } };
  const before = Array.from({ length: 80 }, (_, n) => flower(n));
  const first = await trainOn(before, { ...classes, ...split });
  const after = before.map((row, n) => (n % 2 ? row : { ...row, size: row.size + 0.5 })).reverse();
  const second = await trainOn(after, { ...classes, ...split });
  const held = new Map(first.file.records.map(([identity, row = -1]) => [identity, before[row]]));
  const met = second.file.records.filter(([identity]) => held.has(identity));
  expect(met.length).toBeGreaterThan(3);
  for (const [identity, row = -1] of met) expect(after[row]).toEqual(held.get(identity));
});

it('keeps numbers as numbers, and shows the rows that were furthest off', async () => {
  const source = Array.from({ length: 120 }, (_, n) => ({ x: n, y: n % 11 }));
  const { items, rows, file, result } = await trainOn(source, {
    task: 'tabular-regression',
    target: 'y',
    training: { epochs: 3 },
  });
  expect(Object.keys(rows[0] ?? {})).toEqual(['row', 'value', 'predicted']);
  const errors = rows.map((row) => Math.abs(Number(row.value) - Number(row.predicted)));
  const mae = errors.reduce((sum, error) => sum + error, 0) / items;
  expect(mae).toBeCloseTo(result.metrics.test?.mae ?? -1, 6);
  expect(file.head.labels).toBeNull();
  expect(file.records.every(([, , , , score]) => Number.isNaN(score))).toBe(true);
  const worst = errors.indexOf(Math.max(...errors));
  expect(file.head.examples.rows[0]).toBe(Number(rows[worst]?.row));
});

it('keeps the same sample of items that are too many, in flat files', async () => {
  const count = 1_500_000;
  const answers: Answers = {
    rows: Uint32Array.from({ length: count }, (_, at) => at),
    labels: ['a', 'b'],
    truth: new Int32Array(count),
    predicted: Int32Array.from({ length: count }, (_, at) => (at % 1000 === 0 ? 1 : 0)),
    scores: new Float32Array(count).fill(0.75),
  };
  const identities = Float64Array.from(answers.rows, (row) => (row / count) * identityEnd);
  const describer: ItemDescriber = {
    identities: async () => identities,
    examples: async (rows) => ({
      kind: 'table',
      columns: ['x'],
      rows: rows.slice(0, 10).map((row) => [row]),
    }),
  };
  const path = join(folder, 'many.bin');
  await writeTestItems(path, { ...answers, identities }, describer, signal);
  const { head, records } = readTestItems(path);
  expect(head.items).toBe(count);
  expect(records).toHaveLength(1_000_000);
  expect(records.every(([identity = 0]) => identity < head.identityLimit)).toBe(true);
  // Where the describer ends early, what it did not show is not promised.
  expect(head.examples.rows).toHaveLength(10);
  const parquet = join(folder, 'many.parquet');
  await writePredictions(parquet, answers);
  const database = await openDuckDb({ threads: 1 });
  const [counted] = await database.rows(
    `SELECT count(*) AS n, count(*) FILTER (predicted = 'b') AS b FROM read_parquet(${quoteText(parquet)})`,
  );
  database.close();
  expect(counted).toMatchObject({ n: BigInt(count), b: 1500n });
});
