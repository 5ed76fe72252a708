import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const fixture = fileURLToPath(new URL('./random-calls.fixture.ts', import.meta.url));

test('nothing that JavaScript passes to the addon ends the process, and every refusal is an EngineError', () => {
  const seed = Number(process.env.VANDA_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`VANDA_TEST_SEED=${seed}`);
  // A bound on memory: what asks for more is to be refused, not to take the machine along.
  const command = `ulimit -d 6000000; exec "$0" "$@"`;
  const words = ['-c', command, process.execPath, fixture, String(seed), '4000'];
  const ran = spawnSync('/bin/sh', words, { encoding: 'utf8', timeout: 120_000 });
  expect(ran.signal, ran.stderr).toBeNull();
  expect(ran.status, ran.stderr).toBe(0);
  const counts = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '') as Record<string, number>;
  expect(Object.keys(counts).filter((outcome) => outcome.startsWith('other'))).toEqual([]);
  expect(counts.answered).toBeGreaterThan(100);
}, 150_000);
