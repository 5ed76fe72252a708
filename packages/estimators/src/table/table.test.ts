import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableProfile } from '@vanda/contracts';
import { afterAll, describe, expect, it } from 'vitest';
import { openTable, type TableSource } from '../standalone/open-table.ts';
import { openDuckDb, quoteText } from './duckdb.ts';
import { RowEncoder } from './encode.ts';
import { encodeTable } from './encode-table.ts';
import { learnPreprocessing } from './learn-preprocessing.ts';
import { parseRow } from './parse-instance.ts';
import { parseMoment } from './parse-moment.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
const signal = new AbortController().signal;

async function tableOf(source: TableSource) {
  const folder = mkdtempSync(join(tmpdir(), 'table-'));
  folders.push(folder);
  const data = await openTable(source, folder, 1);
  return { folder, files: data.files, profile: data.profile as TableProfile };
}

async function learn(source: TableSource, trains = (_row: number) => true) {
  const { folder, files, profile } = await tableOf(source);
  const database = await openDuckDb({ threads: 1 });
  const learned = await learnPreprocessing(database, files, profile.columns, trains, signal);
  return { ...learned, database, folder, files, profile };
}

const rows = Array.from({ length: 40 }, (_, row) => ({
  size: row % 2 === 0 ? 10 : 20,
  weight: row % 5 === 0 ? null : row,
  member: row % 3 === 0,
  day: `2024-01-${String((row % 28) + 1).padStart(2, '0')}`,
  colour: ['red', 'green', 'blue'][row % 3],
  city: row === 7 ? 'Atlantis' : ['Graz', 'Linz'][row % 2],
  name: `somebody ${row}`,
  planet: 'Earth',
  nothing: null,
}));

describe('learnPreprocessing', () => {
  it('learns a rule for each kind of column and says what it leaves out', async () => {
    const { preprocessing, warnings } = await learn(rows);
    const rules = new Map(preprocessing.features.map((rule) => [rule.name, rule]));
    expect([...rules.keys()]).toEqual(['size', 'weight', 'member', 'day', 'colour', 'city']);
    expect(rules.get('size')).toMatchObject({
      kind: 'number',
      missing: false,
      scale: { mean: 15, deviation: 5 },
    });
    expect(rules.get('weight')).toMatchObject({ kind: 'number', missing: true });
    expect(rules.get('member')).toMatchObject({ kind: 'boolean' });
    expect(rules.get('colour')).toMatchObject({
      kind: 'category',
      encoding: 'oneHot',
      values: ['red', 'blue', 'green'],
    });
    // Atlantis occurs once: it trains the unknown bucket.
    expect(rules.get('city')).toMatchObject({ values: ['Graz', 'Linz'] });
    const day = rules.get('day');
    expect(day?.kind === 'date' && day.parts.map(({ part }) => part)).toEqual([
      'days',
      'yearSin',
      'yearCos',
      'weekSin',
      'weekCos',
    ]);
    expect(warnings).toEqual([
      'The column "name" is left out: it has 40 different texts in 40 training rows, too many to learn from.',
      'The column "planet" is left out: it always holds the same text in the training rows.',
      'The column "nothing" is left out: it is empty in the training rows.',
    ]);
  });

  it('learns from training rows only', async () => {
    const { preprocessing, warnings } = await learn(
      [
        { x: 1, y: 'a', z: 1 },
        { x: 3, y: 'a', z: 1 },
        { x: 2, y: 'b', z: 1 },
        { x: 2, y: 'b', z: 1 },
        { x: 1000, y: 'c', z: 5 },
        { x: 1000, y: 'c', z: 5 },
      ],
      (row) => row < 4,
    );
    expect(preprocessing.features).toMatchObject([
      { name: 'x', scale: { mean: 2, deviation: Math.SQRT1_2 } },
      { name: 'y', values: ['a', 'b'] },
    ]);
    expect(warnings).toEqual(['The column "z" is left out: it is always 1 in the training rows.']);
  });

  it('counts infinite numbers as missing, with a warning', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'table-'));
    folders.push(folder);
    const file = join(folder, 'odd.parquet');
    const database = await openDuckDb({ threads: 1 });
    await database.run(
      `COPY (SELECT * FROM (VALUES (1.0::DOUBLE), ('NaN'::DOUBLE), ('Infinity'::DOUBLE), (2.0), (NULL)) AS t(x))
       TO ${quoteText(file)} (FORMAT parquet)`,
    );
    const { profile } = await tableOf(file);
    const learned = await learnPreprocessing(database, [file], profile.columns, () => true, signal);
    expect(learned.preprocessing.features).toMatchObject([
      { name: 'x', missing: true, scale: { mean: 1.5, deviation: 0.5 } },
    ]);
    expect(learned.warnings).toEqual([
      'The column "x" has 1 infinite value in the training rows; infinite counts as missing.',
    ]);
    database.close();
  });

  it('looks many values up as an embedding', async () => {
    const many = Array.from({ length: 800 }, (_, row) => ({ place: `place ${row % 100}` }));
    const { preprocessing } = await learn(many);
    expect(preprocessing.features).toMatchObject([{ kind: 'category', encoding: 'embedding' }]);
  });

  it('takes hostile column names as they are', async () => {
    const names = ['"; DROP TABLE x; --', '🦄', 'n'.repeat(4096), '__proto__', "it's"];
    const hostile = [1, 2, 3].map((value) => Object.fromEntries(names.map((n) => [n, value])));
    const { preprocessing } = await learn(hostile);
    expect(preprocessing.features.map(({ name }) => name)).toEqual(names);
    const values = parseRow(preprocessing, JSON.parse(JSON.stringify(hostile[0])), 0);
    expect(values).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('encoding', () => {
  it('gives the same inputs for a row of the table and for the row as it is sent', async () => {
    const { preprocessing, database, files, folder, profile } = await learn(rows);
    const encoded = await encodeTable(
      database,
      files,
      profile.columns,
      preprocessing,
      folder,
      signal,
    );
    const encoder = new RowEncoder(preprocessing);
    const sent = encoder.allocate(rows.length);
    rows.forEach((row, index) => {
      parseRow(preprocessing, row, index).forEach((value, feature) => {
        encoder.encode(feature, value, index, sent);
      });
    });
    expect(encoded.rows).toBe(40);
    expect(Buffer.from(sent.numeric.buffer).equals(readFileSync(encoded.files.numeric))).toBe(true);
    expect(Buffer.from(sent.oneHot.buffer).equals(readFileSync(encoded.files.oneHot))).toBe(true);
    expect(readFileSync(encoded.files.embedding)).toHaveLength(0);
    database.close();
  });

  it('reads a table of more columns than one query takes', async () => {
    const width = 1300;
    const wide = [0, 1, 2, 3].map((row) =>
      Object.fromEntries(Array.from({ length: width }, (_, at) => [`c${at}`, row * at + at])),
    );
    const { preprocessing, warnings } = await learn(wide);
    // Column c0 is always 0.
    expect(warnings).toHaveLength(1);
    expect(preprocessing.features).toHaveLength(width - 1);
    expect(preprocessing.features[1298]).toMatchObject({
      name: 'c1299',
      scale: { mean: 1299 * 2.5 },
    });
  });

  it('puts missing and unknown where training put them', async () => {
    const { preprocessing, database } = await learn([
      { x: 0, y: 'a' },
      { x: 2, y: 'a' },
      { x: null, y: 'b' },
      { x: 1, y: 'b' },
      { x: 1, y: null },
    ]);
    const encoder = new RowEncoder(preprocessing);
    const encode = (row: unknown) => {
      const out = encoder.allocate(1);
      parseRow(preprocessing, row, 0).forEach((value, feature) => {
        encoder.encode(feature, value, 0, out);
      });
      return [...out.numeric, ...out.oneHot];
    };
    // numeric: x and "x is missing"; the block of y: 0 unknown, 1 missing, 2 a, 3 b
    expect(encode({ x: 1, y: 'a' })).toEqual([0, 0, 2]);
    expect(encode({ x: null, y: 'b' })).toEqual([0, 1, 3]);
    expect(encode({})).toEqual([0, 1, 1]);
    expect(encode({ x: Number.NaN, y: 'never seen', extra: {} })).toEqual([0, 1, 0]);
    expect(encode({ x: 1e300, y: null })).toEqual([20, 0, 1]);
    database.close();
  });
});

describe('parseMoment', () => {
  it('reads dates as tables have them', () => {
    const day = Date.UTC(1998, 5, 12);
    for (const text of [
      '1998-06-12',
      '1998/06/12',
      '12.06.1998',
      'Jun 12 1998',
      'Jun 12, 1998',
      'June 12, 1998',
      '12 Jun 1998',
      '12-Jun-1998',
      '12-jun-98',
    ]) {
      expect(parseMoment(text), text).toBe(day);
    }
    expect(parseMoment('12/31/1998')).toBe(Date.UTC(1998, 11, 31));
    expect(parseMoment('31/12/1998 08:30')).toBe(Date.UTC(1998, 11, 31, 8, 30));
    expect(parseMoment('1998-06-12 08:30:15.250')).toBe(day + 30_615_250);
    expect(parseMoment('1998-06-12T08:30+02:00')).toBe(day + 6.5 * 3_600_000);
    expect(parseMoment('0050-01-02')).toBe(-60_589_209_600_000);
    expect(parseMoment(day)).toBe(day);
  });

  it('reads nothing into what is no date, or could be two', () => {
    const odd = [
      '05/06/1998',
      'soon',
      '1998',
      '1998-02-30',
      'Foo 12 1998',
      '12:00',
      '1998-06-12T25:00',
    ];
    for (const text of odd) expect(parseMoment(text), text).toBeNaN();
    expect(parseMoment(1e300)).toBeNaN();
  });
});

describe('parseRow', () => {
  const preprocessing = {
    features: [
      { kind: 'number', name: 'x', missing: false, scale: { mean: 0, deviation: 1 }, example: 1 },
      { kind: 'boolean', name: 'b', missing: true, scale: { mean: 0, deviation: 1 }, example: 1 },
      { kind: 'date', name: 'd', missing: true, parts: [], example: 0, time: false },
      { kind: 'category', name: 'c', missing: true, encoding: 'oneHot', values: ['1'] },
    ],
  } satisfies Parameters<typeof parseRow>[0];

  it('takes numbers, booleans and dates written as texts', () => {
    const day = Date.UTC(2024, 4, 31);
    expect(parseRow(preprocessing, { x: ' -1.5e1 ', b: 'TRUE', d: '2024-05-31', c: 1 }, 0)).toEqual(
      [-15, 1, day, '1'],
    );
    expect(parseRow(preprocessing, { x: 1, b: 0, d: day, c: 'z' }, 0)).toEqual([1, 0, day, 'z']);
    expect(parseRow(preprocessing, { x: 1, d: '2024-05-31T02:00+02:00' }, 0)[2]).toBe(day);
    expect(parseRow(preprocessing, { x: null }, 0)).toEqual([null, null, null, null]);
    expect(parseRow(preprocessing, { x: 'N/A', b: '', d: '?', c: '  ' }, 0)).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(parseRow(preprocessing, { x: 1, b: 'yes', c: ' NA ' }, 0)).toEqual([1, 1, null, 'NA']);
  });

  it('names the instance and the column of what it refuses', () => {
    const refused = (row: unknown) => {
      try {
        return parseRow(preprocessing, row, 3);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refused({ b: true })).toBe('Instance 3 has no column "x", which the model needs.');
    expect(refused({ x: 'many' })).toBe('Instance 3, column "x": must be a number, not "many".');
    expect(refused({ x: '0x10' })).toMatch(/must be a number/);
    expect(refused({ x: [1] })).toMatch(/must be a number, not a list/);
    expect(refused({ x: true })).toMatch(/must be a number, not true/);
    expect(refused({ x: 1, b: 2 })).toMatch(/column "b": must be true or false, not 2/);
    expect(refused({ x: 1, d: 'soon' })).toMatch(/column "d": must be a date like/);
    expect(refused({ x: 1, c: {} })).toMatch(/column "c": must be a text, not an object/);
    for (const row of [null, 5, 'x', [1, 2]]) expect(refused(row)).toMatch(/must be an object/);
  });
});
