import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { expect, test } from 'vitest';
import { Graph, Session, tensor } from './index.ts';
import type { Passes } from './native.ts';

function chain() {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 3]);
  return { graph, y: graph.add(graph.mul(graph.tanh(graph.add(x, 1)), 2), 0) };
}

test('a session runs with passes switched off and gives the same numbers', () => {
  const feed = { x: tensor([0.1, 0.2, 0.3], [1, 3]) };
  const { graph, y } = chain();
  const all = new Session(graph, { threads: 1 });
  const some = new Session(graph, { threads: 1, passes: { fuse: false, simplify: false } });
  expect(all.planReport({ x: [1, 3] }, { y }).steps).toHaveLength(1);
  expect(some.planReport({ x: [1, 3] }, { y }).steps.length).toBeGreaterThan(3);
  expect([...some.runSync(feed, { y }).y.data]).toEqual([...all.runSync(feed, { y }).y.data]);
});

test('a pass that does not exist is refused by name', () => {
  const { graph } = chain();
  expect(() => new Session(graph, { passes: { fusion: false } as Passes })).toThrow(
    /no pass 'fusion'; there are fold, /,
  );
  expect(() => new Session(graph, { passes: { fuse: 'no' } as unknown as Passes })).toThrow(
    /'fuse' must be true or false/,
  );
});

test('VANDA_ENGINE_DUMP leaves the graph after each pass as text', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vanda-dump-'));
  try {
    const script = `
      import { Graph, Session, tensor } from ${JSON.stringify(import.meta.resolve('./index.ts'))};
      const graph = new Graph();
      const y = graph.tanh(graph.add(graph.placeholder('x', [null, 3]), 1));
      new Session(graph, { threads: 1 }).runSync({ x: tensor([1, 2, 3], [1, 3]) }, { y });`;
    const { status, stderr } = spawnSync(execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, VANDA_ENGINE_DUMP: folder },
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    const files = readdirSync(folder).sort();
    expect(files[0]).toMatch(/^\d+-0001-00-specialize\.txt$/);
    expect(files.some((file) => file.endsWith('-fuse.txt'))).toBe(true);
    expect(files.at(-1)).toMatch(/-schedule\.txt$/);
    const first = readFileSync(join(folder, files[0] as string), 'utf8');
    expect(first).toContain('placeholder "x"() dtype="f32"');
    expect(first).toContain('-> f32[1, 3]');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
