import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ingest, removeIngested } from '../ingest.fixture.ts';
import { zipOf } from './archives.fixture.ts';

// Real ingests, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

afterAll(removeIngested);

const MiB = 1024 ** 2;

describe('an archive that would unfold without end', () => {
  it('is refused by what it says of its sizes, before anything is unfolded', async () => {
    const zeros = Buffer.alloc(MiB);
    const members = Array.from({ length: 20 }, (_, i) => [
      `cat/${i}.png`,
      { bytes: zeros, claims: 0xfffffff0 },
    ]);
    const startedAt = Date.now();
    await expect(ingest({ 'bomb.zip': zipOf(Object.fromEntries(members)) })).rejects.toMatchObject({
      code: 'bad-data',
      message: expect.stringContaining('as a zip bomb does'),
    });
    expect(Date.now() - startedAt).toBeLessThan(5000);
  });

  it('is refused while it unfolds, where it is a gzip', async () => {
    const bomb = gzipSync(Buffer.alloc(400 * MiB));
    await expect(ingest({ 'bomb.csv.gz': bomb })).rejects.toThrow('as a zip bomb does');
  });

  it('may lie about one size only, and that costs its entry', async () => {
    const lying = { bytes: Buffer.from('x'.repeat(10_000)), claims: 10 };
    const push = ingest({ 'a.zip': zipOf({ 'cat/1.png': lying }) });
    await expect(push).rejects.toMatchObject({ code: 'bad-data' });
  });

  it('is named when it is damaged', async () => {
    const zip = zipOf({ 'cat/1.png': Buffer.from('x') });
    await expect(ingest({ 'a.zip': zip.subarray(0, -30) })).rejects.toThrow(
      'a.zip is a damaged zip',
    );
    const gzip = gzipSync('a,b\n1,2\n').subarray(0, 20);
    await expect(ingest({ 'a.csv.gz': gzip })).rejects.toThrow('a.csv.gz is a damaged gzip file.');
  });

  it('loses a file that is damaged in it', async () => {
    const lying = { bytes: Buffer.from('a,b\n1,2\n'.repeat(2000)), claims: 10 };
    const good = Buffer.from('a,b\n1,2\n');
    const zip = zipOf({ 'good.csv': good, 'lying.csv': lying });
    const { receipt } = await ingest({ 'a.zip': zip });
    expect(receipt).toMatchObject({ accepted: 1, rejected: 1 });
    expect(receipt.reasons[0]).toMatchObject({
      reason: 'The file is damaged within its archive',
      examples: ['lying.csv'],
    });
    const broken = zipOf({ 'a.csv': Buffer.from('a,b\n1,2\n'.repeat(500)) });
    broken.fill(0xff, 40, 60);
    await expect(ingest({ 'a.zip': broken })).rejects.toMatchObject({ code: 'bad-data' });
  });

  it('is not opened within another', async () => {
    const inner = zipOf({ 'cat/1.png': Buffer.from('x') });
    await expect(ingest({ 'a.zip': zipOf({ 'inner.zip': inner }) })).rejects.toThrow(
      'An archive within an archive is not opened',
    );
  });
});
