import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { completeSpec, parseOrThrow, trainSpec } from '@vanda/contracts';
import { engineInfo } from '@vanda/engine';
import { afterAll, expect, it } from 'vitest';
import { openTable } from './standalone/open-table.ts';
import { train } from './train.ts';

const folder = mkdtempSync(join(tmpdir(), 'precision-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('trains in bfloat16 where the processor has it, and says elsewhere what to do, before it does anything', async () => {
  const rows = Array.from({ length: 60 }, (_, at) => ({ x: at, y: at % 2 === 0 ? 'even' : 'odd' }));
  const data = await openTable(rows, folder, 1);
  const given = {
    name: 'm',
    dataset: 'd',
    task: 'tabular-classification',
    target: 'y',
    training: { epochs: 2, precision: 'bfloat16' },
  };
  const parsed = parseOrThrow(trainSpec, given, 'invalid-spec');
  const { spec } = completeSpec(parsed, 'd@1', data.profile);
  const phases: string[] = [];
  const run = train(
    spec,
    data,
    { workDir: folder, threads: 1, signal: new AbortController().signal },
    {
      progress: ({ phase }) => phases.push(phase),
      metrics: () => {},
      log: () => {},
    },
  );
  if (engineInfo().bfloat16) {
    expect((await run).steps).toBeGreaterThan(0);
    return;
  }
  await expect(run).rejects.toMatchObject({
    code: 'invalid-spec',
    message: expect.stringMatching(
      /^\/training\/precision: .*take float32, or run the job on a worker whose processor has/,
    ),
    errors: [expect.objectContaining({ pointer: '/training/precision' })],
  });
  expect(phases).toEqual([]);
});
