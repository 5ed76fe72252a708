import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ingest, removeIngested } from './ingest.fixture.ts';

// Real ingests, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

afterAll(removeIngested);

async function refusal(files: Parameters<typeof ingest>[0], options = {}): Promise<string> {
  const outcome = await ingest(files, options).then(
    ({ receipt }) => `accepted ${JSON.stringify(receipt)}`,
    (error: { code?: string; message: string }) => {
      expect(error.code, error.message).toBe('bad-data');
      return error.message;
    },
  );
  return outcome;
}

describe('tables that nobody can use', () => {
  it.each<[string, Record<string, string | Uint8Array>, string]>([
    ['an empty file', { 'a.csv': '' }, 'Nothing could be taken. The file is empty (a.csv).'],
    ['line ends only', { 'a.csv': '\n\n\r\n' }, 'a.csv holds no rows.'],
    ['a header only', { 'a.csv': 'a,b,c\n' }, 'a.csv has a header and no rows.'],
    [
      'binary called CSV',
      { 'a.csv': randomBytes(5000) },
      'Nothing could be taken. It is not text: tables are CSV, TSV, JSON, JSON lines or Parquet (a.csv).',
    ],
    ['no rows of JSON', { 'a.json': '[]' }, 'a.json holds no rows.'],
    [
      'a broken Parquet file',
      { 'a.parquet': `PAR1${'x'.repeat(900)}` },
      'a.parquet is not a Parquet file',
    ],
    [
      'a quote that opens the header and never ends',
      { 'a.csv': '"a,b\n1,2\n3,4\n' },
      'The first line of a.csv is broken: a quoted value is not closed.',
    ],
    [
      'ten thousand columns',
      {
        'a.csv': [0, 1]
          .map((row) => Array.from({ length: 10_000 }, (_, c) => (row ? c : `c${c}`)).join(','))
          .join('\n'),
      },
      'a.csv has 10,000 columns; at most 2,000 can be used. Leave out what is not needed.',
    ],
    [
      'one single line of 9 MB',
      { 'a.csv': '0.5,17,'.repeat(1_300_000) },
      'Line 1 of a.csv, which begins with "0.5,17,0.5,17,0.5,17,0.5,17,0.5,17,0.5,17,0.5,17,0.5,17,0.5,", is longer than 1 MiB, the most that a row may have. A table needs each row on a line of its own.',
    ],
    [
      'one line of more than is held, after empty ones',
      { 'a.csv': `\n\n${'x'.repeat(18 * 1024 ** 2)}` },
      `Line 3 of a.csv, which begins with "${'x'.repeat(60)}", is longer than 1 MiB`,
    ],
    [
      'only rows of other widths',
      { 'a.csv': 'a,b\n1\n2,3,4\n' },
      'a.csv has no whole row. The row does not have the 2 values of the first row (a.csv, line 2: 1).',
    ],
  ])('%s', async (_, files, sentence) => {
    expect(await refusal(files)).toContain(sentence);
  });

  it('says so where the user forced a type that nothing fits', async () => {
    const sentence = await refusal({ 'a.csv': 'x\nred\nblue\n' }, { columns: { x: 'number' } });
    expect(sentence).toBe('No row could be taken. "x" is not a finite number (a.csv, row 1: red)');
  });

  it('refuses a table where the dataset holds pictures', async () => {
    await expect(ingest({ 'a.csv': 'a\n1\n' }, {}, 'images')).rejects.toThrow(
      'The dataset holds pictures, and this push is a table: give it another name.',
    );
  });
});

describe('tables with something wrong in them', () => {
  it('takes one column, and says that it predicts nothing', async () => {
    const result = await ingest({ 'a.csv': 'x\n1\n2\n' });
    expect(result.receipt).toMatchObject({ accepted: 2, rejected: 0 });
    expect(result.receipt.warnings[0]).toContain('one column');
  });

  it('reads line ends of all kinds in one file', async () => {
    const result = await ingest({ 'a.csv': 'a,b\r\n1,2\n3,4\r5,6\r\n\r\n7,8' });
    expect((await result.rows()).map((row) => row.a)).toEqual([1, 3, 5, 7]);
    expect(result.receipt.rejected).toBe(0);
  });

  it('loses one row to a quote that is not closed, and not the rest of the file', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => `${i},${i === 20 ? '"open' : `"x${i}"`}`);
    const result = await ingest({ 'a.csv': `a,b\n${rows.join('\n')}\n` });
    expect(result.receipt.accepted).toBeGreaterThanOrEqual(48);
    expect((await result.rows()).at(-1)).toEqual({ a: 49, b: 'x49' });
    const [line] = await result.rejectedLines();
    expect(line).toMatchObject({ item: 'a.csv, line 22', detail: '20,"open' });
    expect(line?.reason).toMatch(/quote/);
  });

  it('rejects rows with too few or too many values, by their lines', async () => {
    const result = await ingest({ 'a.csv': 'a,b\n1,2\n3\n4,5,6\n7,8\n' });
    expect(result.receipt).toMatchObject({ accepted: 2, rejected: 2 });
    expect((await result.rejectedLines()).map(({ item }) => item)).toEqual([
      'a.csv, line 3',
      'a.csv, line 4',
    ]);
  });

  it('rejects the few words in a column of numbers, and makes text of one with many', async () => {
    const row = (i: number) => `${i},${i % 200 === 7 ? 'oops' : i / 2}`;
    const few = Array.from({ length: 1000 }, (_, i) => row(i)).join('\n');
    const result = await ingest({ 'a.csv': `id,size\n${few}\n` });
    expect(result.receipt).toMatchObject({ accepted: 995, rejected: 5 });
    expect(result.receipt.reasons).toMatchObject([
      {
        reason: '"size" is not a finite number',
        count: 5,
        examples: expect.arrayContaining(['a.csv, row 8: oops']),
      },
    ]);
    const many = await ingest({ 'a.csv': 'size\n1\n2\nbig\nsmall\n' });
    expect(many.profile).toMatchObject({ columns: [{ type: 'text', count: 4 }] });
  });

  it('takes NaN for missing, and rejects what is infinite', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => String(i / 4));
    const csv = `x\n${rows.join('\n')}\nNaN\nInfinity\n-inf\n1e999\nN/A\n`;
    const result = await ingest({ 'a.csv': csv });
    expect(result.receipt).toMatchObject({ accepted: 1002, rejected: 3 });
    expect(result.profile).toMatchObject({ columns: [{ type: 'number', count: 1000, nulls: 2 }] });
  });

  it.each([
    ['a.csv', (rows: [string, number][]) => `x,y\n${rows.map((row) => row.join()).join('\n')}`],
    [
      'a.json',
      (rows: [string, number][]) => `[${rows.map(([x, y]) => `{"x":${x},"y":${y}}`).join()}]`,
    ],
  ])('leaves a column of %s a number where most of its values are NaN', async (name, write) => {
    const rows = Array.from({ length: 60 }, (_, i): [string, number] => [
      i % 3 ? 'NaN' : `${i}`,
      i,
    ]);
    const result = await ingest({ [name]: write(rows) });
    expect(result.receipt).toMatchObject({ accepted: 60, rejected: 0 });
    expect(result.profile).toMatchObject({
      columns: [{ name: 'x', type: 'integer', count: 20, nulls: 40 }, { type: 'integer' }],
    });
  });

  it('refuses JSON that is nested without end', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    for (const [name, json] of [
      ['a.json', `[{"a":${deep}}]`],
      ['a.jsonl', `{"a":1}\n{"a":${deep}}\n`],
    ] as const) {
      expect(await refusal({ [name]: json })).toBe(`${name} is nested deeper than 1,000 levels.`);
    }
    const brackets = `{"a":"${'['.repeat(5000)}\\"","b":1}\n`;
    const open = '{"a":1\n'.repeat(2000);
    const { receipt } = await ingest({ 'a.jsonl': `${brackets}${open}${brackets}` });
    expect(receipt).toMatchObject({ accepted: 2, rejected: 2000 });
  });

  it('keeps column names of emoji, of 4,096 characters, with dots, quotes and twice', async () => {
    const long = 'n'.repeat(4096);
    const header = `😀,${long},../../etc/passwd,"a""b; DROP TABLE raw",Twice,twice,`;
    const result = await ingest({ '../../etc/😀.csv': `${header}\n1,2,3,4,5,6,7\n` });
    expect(Object.keys((await result.rows())[0] ?? {})).toEqual([
      '😀',
      long,
      '../../etc/passwd',
      'a"b; DROP TABLE raw',
      'Twice',
      'twice_2',
      'column7',
    ]);
    expect(result.receipt.warnings).toHaveLength(2);
    await expect(ingest({ '../../etc/😀.csv': 'a\n' })).rejects.toThrow('😀.csv');
    await expect(ingest({ [`${long}.csv`]: 'a\n' })).rejects.toThrow('a header and no rows');
  });

  it('calls columns by number where there is no header', async () => {
    const result = await ingest({ 'a.csv': '1,2\n3,4\n' });
    expect(await result.rows()).toEqual([
      { column1: 1, column2: 2 },
      { column1: 3, column2: 4 },
    ]);
    expect(result.receipt.warnings[0]).toContain('no header row');
  });

  it('rejects a row that is not UTF-8 alone', async () => {
    const good = Array.from({ length: 50 }, (_, i) => `é${i},ü${i}\n`).join('');
    const csv = Buffer.concat([Buffer.from(`a,b\n${good}`), Buffer.from('caf\xe9,x\n', 'latin1')]);
    const result = await ingest({ 'a.csv': csv });
    expect(result.receipt).toMatchObject({ accepted: 50, rejected: 1 });
    expect(result.receipt.reasons[0]?.reason).toBe('The row is not valid UTF-8');
  });

  it('keeps nothing of a value that would be SQL, and reads no file that it names', async () => {
    const csv = `a,b\n'; ATTACH '/etc/passwd',1\n"read_csv('/etc/passwd')",2\n`;
    expect((await (await ingest({ 'a.csv': csv })).rows()).map(({ a }) => a)).toEqual([
      `'; ATTACH '/etc/passwd'`,
      `read_csv('/etc/passwd')`,
    ]);
  });

  it('bounds a row without an end', async () => {
    const csv = `a,b\n1,2\n${'x'.repeat(5 * 1024 ** 2)},y\n3,4\n`;
    const result = await ingest({ 'a.csv': csv });
    expect((await result.rows()).map(({ a }) => a)).toEqual([1, 3]);
    expect(result.receipt.rejected).toBeGreaterThanOrEqual(1);
  });
});
