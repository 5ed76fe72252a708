import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom, testSeed } from '@vanda/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Rejections } from '../rejections.ts';
import { cleanCsv } from './csv-cleaner.ts';
import { recordFields, scanRecord } from './csv-record.ts';

// Real ingests, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-clean-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function clean(chunks: Buffer[]) {
  const rejections = new Rejections(join(folder, 'rejected.jsonl'));
  async function* source() {
    yield* chunks;
  }
  const target = join(folder, 'clean.csv');
  const csv = await cleanCsv(source(), target, 'a.csv', rejections);
  await rejections.close();
  const bytes = await readFile(target);
  return { csv, rows: parse(bytes, csv.delimiter), receipt: rejections.receipt(csv.rows) };
}

function parse(bytes: Buffer, delimiter: number): string[][] {
  const rows: string[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const record = scanRecord(bytes, at, bytes.length, delimiter, true);
    rows.push(recordFields(bytes.subarray(at, record.contentEnd), delimiter));
    at = record.end ?? bytes.length;
  }
  return rows;
}

function cut(bytes: Buffer, random: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    // Small pieces, and now and then one that is larger than what is held back as a sample.
    const size = 1 + Math.floor(random() * (random() < 0.2 ? 600_000 : 40_000));
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe('cleanCsv', () => {
  it('changes no value of a whole file, however it is cut into chunks', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const next = () => random();
    const pieces = ['a', '7', ' ', ',', '"', '\n', '\r\n', '\r', 'é', '😀', '\t', ';'];
    for (let round = 0; round < 8; round++) {
      const width = 2 + Math.floor(next() * 5);
      const rows = Array.from({ length: 20 + Math.floor(next() * 8000) }, () =>
        Array.from({ length: width }, () =>
          Array.from(
            { length: Math.floor(next() * 6) },
            () => pieces[Math.floor(next() * 12)],
          ).join(''),
        ),
      );
      const header = Array.from({ length: width }, (_, c) => `name${c}`);
      const ends = ['\n', '\r\n', '\r'];
      const text = [header, ...rows].map((row) => {
        const fields = row.map((field) => `"${field.replaceAll('"', '""')}"`);
        return fields.join(',') + ends[Math.floor(next() * 3)];
      });
      const result = await clean(cut(Buffer.from(text.join('')), next));
      expect(result.receipt.rejected, `seed ${seed}`).toBe(0);
      expect(result.rows, `seed ${seed}`).toEqual(rows);
    }
  });

  it('counts every line of noise as a row or as a rejection, and always ends', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const pieces = ['a', '1', ',', ',', '"', '"', '\n', '\n', '""', 'é'];
    for (let round = 0; round < 60; round++) {
      const noise = Array.from({ length: 400 }, () => pieces[Math.floor(random() * 10)]).join('');
      const bytes = Buffer.from(`x,y\n1,2\n${noise}\n3,4\n`);
      const whole = await clean([bytes]);
      const inPieces = await clean(cut(bytes, () => random() * 0.001));
      expect(inPieces.rows, `seed ${seed}`).toEqual(whole.rows);
      expect(inPieces.receipt, `seed ${seed}`).toEqual(whole.receipt);
      expect(
        whole.rows.every((row) => row.length === 2),
        `seed ${seed}`,
      ).toBe(true);
      expect(whole.rows.at(0)).toEqual(['1', '2']);
    }
  });
});
