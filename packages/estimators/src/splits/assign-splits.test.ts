import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDuckDb, quoteText } from '../table/duckdb.ts';
import { assignSplits, splitCode } from './assign-splits.ts';
import { writeSplits } from './write-splits.ts';

const tenth = { validation: 0.1, test: 0.1, seed: 1 };
const { undecided, train, validation, test, leftOut } = splitCode;

describe('assignSplits', () => {
  it('draws each fraction, the same for the same seed and another for another', () => {
    const one = assignSplits(new Uint8Array(1000), tenth);
    expect([one.rows.train, one.rows.validation, one.rows.test].map((rows) => rows.length)).toEqual(
      [800, 100, 100],
    );
    expect(assignSplits(new Uint8Array(1000), tenth).codes).toEqual(one.codes);
    expect(assignSplits(new Uint8Array(1000), { ...tenth, seed: 2 }).codes).not.toEqual(one.codes);
  });

  it('keeps the shares of the classes', () => {
    const classes = Int32Array.from({ length: 1000 }, (_, item) => (item % 10 === 0 ? 1 : 0));
    const { rows } = assignSplits(new Uint8Array(1000), tenth, classes);
    for (const split of [rows.validation, rows.test]) {
      expect([...split].filter((item) => classes[item] === 1)).toHaveLength(10);
    }
  });

  it('honours what the data predefines and draws only the rest', () => {
    const predefined = Uint8Array.from({ length: 700 }, (_, item) => (item < 600 ? train : test));
    const { rows } = assignSplits(predefined, tenth);
    expect(rows.test).toEqual(Uint32Array.from({ length: 100 }, (_, index) => 600 + index));
    expect(rows.validation).toHaveLength(60);
    expect(rows.train).toHaveLength(540);

    const all = Uint8Array.of(train, validation, test, undecided, leftOut);
    expect(assignSplits(all, tenth).codes).toEqual(
      Uint8Array.of(train, validation, test, train, leftOut),
    );
  });

  it('gives validation an item wherever two are left for training', () => {
    for (let items = 4; items < 12; items++) {
      const { rows } = assignSplits(new Uint8Array(items), tenth);
      expect(rows.validation).toHaveLength(1);
      expect(rows.test).toHaveLength(1);
    }
    const three = assignSplits(new Uint8Array(3), tenth);
    expect([three.rows.train.length, three.rows.validation.length]).toEqual([2, 1]);
    expect(assignSplits(new Uint8Array(2), tenth).rows.train).toHaveLength(2);
    const none = assignSplits(new Uint8Array(50), { ...tenth, validation: 0 });
    expect(none.rows.validation).toHaveLength(0);
  });

  it('keeps an item of each class for training and names the lone ones', () => {
    const classes = Int32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2);
    for (let seed = 0; seed < 20; seed++) {
      const { rows, loneClasses } = assignSplits(
        new Uint8Array(classes.length),
        { validation: 0.3, test: 0.3, seed },
        classes,
      );
      expect(loneClasses).toEqual([2]);
      expect(new Set([...rows.train].map((item) => classes[item]))).toEqual(new Set([0, 1, 2]));
    }
  });

  it('keeps items that are left out of every split', () => {
    const codes = new Uint8Array(100);
    codes.fill(leftOut, 0, 40);
    const { rows } = assignSplits(codes, tenth);
    expect(rows.train.length + rows.validation.length + rows.test.length).toBe(60);
    expect(Math.min(...rows.train)).toBeGreaterThanOrEqual(40);
  });
});

describe('writeSplits', () => {
  it('writes row and split as Parquet, without what was left out', async () => {
    const folder = mkdtempSync(join(tmpdir(), "splits ' "));
    const path = join(folder, 'splits.parquet');
    await writeSplits(path, Uint8Array.of(train, leftOut, test, validation));
    const database = await openDuckDb({ threads: 1 });
    expect(await database.rows(`SELECT * FROM read_parquet(${quoteText(path)})`)).toEqual([
      { row: 0n, split: 'train' },
      { row: 2n, split: 'test' },
      { row: 3n, split: 'validation' },
    ]);
    database.close();
    rmSync(folder, { recursive: true });
  });
});
