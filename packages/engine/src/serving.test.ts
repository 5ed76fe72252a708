import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as serving from '@vanda/engine/serving';
import { expect, onTestFinished, test } from 'vitest';
import * as engine from './index.ts';

test('the door for serving gives the very things of the whole engine, and they answer', async () => {
  const whole = new Map<string, unknown>(Object.entries(engine));
  for (const [name, value] of Object.entries(serving)) expect(whole.get(name), name).toBe(value);
  const graph = new engine.Graph();
  const x = graph.placeholder('x', [null, 2]);
  const signatures = { predict: { inputs: { x }, outputs: { sums: graph.sum(x, [1]) } } };
  const dir = mkdtempSync(join(tmpdir(), 'vanda-serving-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  await engine.saveArtifact(dir, { session: new engine.Session(graph), signatures });
  const artifact = await serving.loadArtifact(dir, { threads: 1 });
  const { sums } = await artifact.run('predict', { x: serving.tensor([1, 2, 3, 4], [2, 2]) });
  expect([...(sums?.data ?? [])]).toEqual([3, 7]);
  artifact.close();
});
