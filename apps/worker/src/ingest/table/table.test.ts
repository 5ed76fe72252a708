import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { TableProfile } from '@vanda/contracts';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type Ingested, ingest, removeIngested } from '../ingest.fixture.ts';

// Real ingests, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

afterAll(removeIngested);

const data = (name: string) =>
  fileURLToPath(new URL(`../../../../../node_modules/vega-datasets/data/${name}`, import.meta.url));

function columnsOf(result: Ingested): TableProfile['columns'] {
  if (result.profile.kind !== 'table') throw new Error('not a table');
  return result.profile.columns;
}
const typesOf = (result: Ingested) =>
  Object.fromEntries(columnsOf(result).map(({ name, type }) => [name, type]));

describe('a table of text', () => {
  it('has its types and statistics found', async () => {
    const csv =
      'id,price,colour,sold,day\n1,2.5,red,true,2024-01-01\n2,,blue,false,2024-02-01\n3,4.5,red,true,2024-03-01\n';
    const result = await ingest({ 'sales.csv': csv });
    expect(result.receipt).toEqual({ accepted: 3, rejected: 0, reasons: [], warnings: [] });
    expect(typesOf(result)).toEqual({
      id: 'integer',
      price: 'number',
      colour: 'text',
      sold: 'boolean',
      day: 'date',
    });
    const [, price, colour] = columnsOf(result);
    expect(price).toMatchObject({ count: 2, nulls: 1, distinct: 2, min: 2.5, max: 4.5, mean: 3.5 });
    expect(price?.quantiles).toHaveLength(5);
    expect(price?.quantiles?.[2]).toBe(3.5);
    expect(colour?.top).toEqual([
      { value: 'red', count: 2 },
      { value: 'blue', count: 1 },
    ]);
    expect(await result.rows()).toHaveLength(3);
    expect(await result.json(result.profile.preview)).toMatchObject({
      kind: 'table',
      columns: ['id', 'price', 'colour', 'sold', 'day'],
      rows: [
        [1, 2.5, 'red', true, '2024-01-01'],
        [2, null, 'blue', false, '2024-02-01'],
        [3, 4.5, 'red', true, '2024-03-01'],
      ],
    });
    expect(await result.json(result.manifest)).toMatchObject({
      formatVersion: 1,
      format: 'parquet',
      items: 3,
      files: [{ sha256: result.profile.files[0]?.sha256, items: 3 }],
    });
  });

  it('takes the types that the user gives, and rejects the rows that do not fit them', async () => {
    const csv = 'zip,size\n01234,1\n56789,big\n';
    const plain = await ingest({ 'a.csv': csv });
    expect(typesOf(plain)).toEqual({ zip: 'text', size: 'text' });
    const forced = await ingest(
      { 'a.csv': csv },
      { columns: { zip: 'integer', size: 'number', gone: 'text' } },
    );
    expect(typesOf(forced)).toEqual({ zip: 'integer', size: 'number' });
    expect(await forced.rows()).toEqual([{ zip: 1234, size: 1 }]);
    expect(await forced.rejectedLines()).toEqual([
      { item: 'a.csv, row 2', reason: '"size" is not a finite number', detail: 'big' },
    ]);
    expect(forced.receipt.warnings).toEqual(['There is no column "gone" to give a type to.']);
  });

  it('reads tabs, semicolons, a byte order mark, UTF-16 and Windows-1252', async () => {
    const rows = [
      { name: 'Zoë', size: 1 },
      { name: 'Jürgen', size: 2 },
    ];
    const tsv = 'name\tsize\nZoë\t1\nJürgen\t2\n';
    expect(await (await ingest({ 'a.tsv': tsv })).rows()).toEqual(rows);
    const semicolons = `\ufeff${tsv.replaceAll('\t', ';')}`;
    expect(await (await ingest({ 'a.csv': semicolons })).rows()).toEqual(rows);
    const utf16 = Buffer.from(`\ufeff${tsv}`, 'utf16le');
    expect(await (await ingest({ 'a.txt': utf16 })).rows()).toEqual(rows);
    const latin = await ingest({ 'a.csv': Buffer.from(tsv, 'latin1') });
    expect(await latin.rows()).toEqual(rows);
    expect(latin.receipt.warnings).toEqual(['a.csv is not UTF-8; it was read as Windows-1252.']);
    expect(await (await ingest({ 'a.csv.gz': gzipSync(tsv) })).rows()).toEqual(rows);
  });

  it('keeps quoted delimiters, quotes and line ends', async () => {
    const csv = 'a,b\n"x, y","said ""no"""\n"two\nlines",5" pipe\n';
    expect(await (await ingest({ 'a.csv': csv })).rows()).toEqual([
      { a: 'x, y', b: 'said "no"' },
      { a: 'two\nlines', b: '5" pipe' },
    ]);
  });

  it('knows dates of other spellings', async () => {
    const rows = [
      '13/02/2024,Jun 12 1998,2024-01-01 10:00',
      '01/03/2024,Jan 01 2001,2024-01-02T11:30:00',
    ];
    const result = await ingest({ 'a.csv': `a,b,c\n${rows.join('\n')}\n` });
    expect(typesOf(result)).toEqual({ a: 'date', b: 'date', c: 'timestamp' });
    expect(columnsOf(result).map(({ min }) => min)).toEqual([
      '2024-02-13',
      '1998-06-12',
      '2024-01-01 10:00:00',
    ]);
  });

  it('takes a column called split as the predefined splits', async () => {
    const result = await ingest({ 'a.csv': 'x,split\n1,Train\n2,val\n3,TEST\n4,\n5,train\n' });
    expect(result.profile).toMatchObject({
      splitColumn: 'split',
      splits: { train: 2, validation: 1, test: 1 },
    });
    expect((await result.rows()).map((row) => row.split)).toEqual([
      'train',
      'validation',
      'test',
      null,
      'train',
    ]);
    const other = await ingest({ 'a.csv': 'x,split\n1,left\n2,right\n' });
    expect(other.profile).toMatchObject({ splitColumn: null });
    expect(other.receipt.warnings[0]).toContain('not taken as a split');
  });

  it('puts files together, and makes splits of those called train and test', async () => {
    const both = await ingest({ 'b.csv': 'x,y\n3,4\n', 'a.csv': 'y,x\n2,1\n' });
    expect(await both.rows()).toEqual([
      { y: 2, x: 1 },
      { y: 4, x: 3 },
    ]);
    const splits = await ingest({ 'train.csv': 'x\n1\n2\n', 'test.csv': 'x\n3\n' });
    expect(splits.profile).toMatchObject({ splits: { train: 2, validation: 0, test: 1 } });
    const odd = await ingest({ 'a.csv': 'x,y\n1,2\n', 'b.csv': 'x,z\n1,2\n3,4\n' });
    expect(odd.receipt).toMatchObject({ accepted: 1, rejected: 2 });
    expect(odd.receipt.reasons[0]?.examples[0]).toBe('b.csv: it lacks the column "y"');
  });

  it('is the same version when the same rows are pushed again', async () => {
    const csv = 'a,b\n1,x\n2,y\n';
    const hash = (await ingest({ 'a.csv': csv })).contentHash;
    expect((await ingest({ 'other.csv': csv.replaceAll('\n', '\r\n') })).contentHash).toBe(hash);
    expect((await ingest({ 'a.csv': 'a,b\n2,y\n1,x\n' })).contentHash).not.toBe(hash);
  });
});

describe('JSON', () => {
  it('takes arrays and lines, ragged, with types as they were written', async () => {
    const array = '[{"a": 1, "code": "007"}, {"a": 2.5, "b": [1, 2], "code": "8"}, {"b": null}]';
    const result = await ingest({ 'a.json': array });
    expect(typesOf(result)).toEqual({ a: 'number', code: 'text', b: 'text' });
    expect(await result.rows()).toEqual([
      { a: 1, code: '007', b: null },
      { a: 2.5, code: '8', b: '[1,2]' },
      { a: null, code: null, b: null },
    ]);
    const lines = '{"a": 1, "code": "007"}\n{"a": 2.5, "b": [1, 2], "code": "8"}\n{"b": null}\n';
    expect((await ingest({ 'a.jsonl': lines })).contentHash).toBe(result.contentHash);
  });

  it('rejects broken lines alone', async () => {
    const result = await ingest({ 'a.jsonl': '{"a": 1}\n{"a": \n[1]\n{"a": 2}\n' });
    expect(await result.rows()).toEqual([{ a: 1 }, { a: 2 }]);
    expect((await result.rejectedLines()).map(({ item, reason }) => [item, reason])).toEqual([
      ['a.jsonl, line 2', 'The line is not valid JSON'],
      ['a.jsonl, line 3', 'The line is not a JSON object'],
    ]);
  });

  it.each([
    ['[{"a": 1}, {"a": ', 'is not valid JSON'],
    ['[1, 2, 3]', 'holds entries that are not objects'],
    ['[{"a": 1}, [2], "x"]', 'holds entries that are not objects'],
    ['[null, null]', 'holds entries that are not objects'],
    ['[]', ''],
  ])('refuses %s with a sentence', async (json, sentence) => {
    await expect(ingest({ 'a.json': json })).rejects.toMatchObject({
      code: 'bad-data',
      message: expect.stringContaining(sentence),
    });
  });
});

describe('real tables', () => {
  it('takes the penguins, with their missing values', async () => {
    const result = await ingest({ 'penguins.json': { path: data('penguins.json') } });
    expect(result.receipt).toMatchObject({ accepted: 344, rejected: 0 });
    expect(typesOf(result)).toEqual({
      Species: 'text',
      Island: 'text',
      'Beak Length (mm)': 'number',
      'Beak Depth (mm)': 'number',
      'Flipper Length (mm)': 'integer',
      'Body Mass (g)': 'integer',
      Sex: 'text',
    });
    expect(columnsOf(result)[2]).toMatchObject({ count: 342, nulls: 2 });
  });

  it('takes the cars and the movies whole', async () => {
    const cars = await ingest({ 'cars.json': { path: data('cars.json') } });
    expect(cars.receipt).toMatchObject({ accepted: 406, rejected: 0 });
    expect(typesOf(cars)).toMatchObject({
      Miles_per_Gallon: 'number',
      Displacement: 'number',
      Year: 'date',
    });
    const movies = await ingest({ 'movies.json': { path: data('movies.json') } });
    expect(movies.receipt).toMatchObject({ accepted: 3201, rejected: 0 });
    expect(typesOf(movies)).toMatchObject({ Title: 'text', 'IMDB Rating': 'number' });
  });

  it('takes the three million flights, and twice they are the same', async () => {
    const file = { 'flights-3m.parquet': { path: data('flights-3m.parquet') } };
    const result = await ingest(file);
    expect(result.receipt).toMatchObject({ accepted: 3_000_000, rejected: 0 });
    expect(typesOf(result)).toEqual({
      date: 'timestamp',
      delay: 'integer',
      distance: 'integer',
      origin: 'text',
      destination: 'text',
    });
    expect((await ingest(file)).contentHash).toBe(result.contentHash);
  });
});
