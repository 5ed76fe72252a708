import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makePlace, Start, untilNobodyLives } from './start-vanda.fixture.ts';

/** A disk of its own, small enough to be filled. Only root may mount one, and not everywhere. */
const disk = mkdtempSync(join(tmpdir(), 'vanda-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=600m', 'tmpfs', disk]).status === 0;
const place = { ...(await makePlace()), home: join(disk, 'home') };
const filler = join(disk, 'filler');

afterAll(async () => {
  await untilNobodyLives(place);
  if (mounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

function fill(bytesLeft: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - bytesLeft)));
}

test.skipIf(!mounted)(
  'a disk that is nearly full is named, and the next start goes on',
  async () => {
    mkdirSync(place.home);
    fill(100_000_000);
    const refused = new Start(place, '--no-demo');
    expect(await refused.exited).toBe(1);
    expect(refused.output).toMatch(/has \d+ MB left, and Vanda needs 300 MB .*free some space/);
    rmSync(filler);
    const started = new Start(place, '--no-demo');
    await started.until(/Vanda is ready/, 120_000);
    expect(await started.interrupt()).toBe(0);
  },
);

test.skipIf(!mounted)('a disk that fills up while Vanda runs stops nothing for good', async () => {
  const started = new Start(place, '--no-demo');
  await started.until(/Vanda is ready/);
  const { url, apiKey } = JSON.parse(readFileSync(join(place.home, 'profile.json'), 'utf8'));
  const cli = join(import.meta.dirname, '../../packages/cli/bin/vanda.mjs');
  const table = join(disk, 'table.csv');
  const rows = Array.from({ length: 20_000 }, (_, n) => `${n},${n % 7},some words for row ${n}`);
  writeFileSync(table, `id,kind,text\n${rows.join('\n')}\n`);
  const push = () =>
    spawnSync(process.execPath, [cli, 'datasets', 'push', 'table', table, '--json'], {
      env: { ...process.env, VANDA_URL: url, VANDA_API_KEY: apiKey },
      encoding: 'utf8',
      timeout: 60_000,
    });
  fill(0);
  const failed = push();
  expect(failed.status).not.toBe(0);
  expect(failed.signal).toBe(null);
  rmSync(filler);
  await expect
    .poll(async () => (await fetch(`${url}/api/health/ready`)).status, { timeout: 60_000 })
    .toBe(200);
  const pushed = push();
  expect(pushed.stderr).not.toContain('disk is full');
  expect(JSON.parse(pushed.stdout)).toMatchObject({ name: 'table', accepted: 20_000, rejected: 0 });
  expect(await started.interrupt()).toBe(0);
});
