import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const example = async (name: string) =>
  (await run(process.execPath, [join(import.meta.dirname, name)])).stdout;

describe('the example scripts', () => {
  it('learn penguins from a table', async () => {
    const [first, ...rest] = (await example('penguins.ts')).split('\n');
    const accuracy = Number(/^accuracy on the test rows: ([\d.]+)$/.exec(first ?? '')?.[1]);
    expect(accuracy).toBeGreaterThan(0.9);
    expect(rest.join(' ')).toMatch(/label: 'Gentoo'/);
  });

  it('learn how far a car goes', async () => {
    expect(await example('cars.ts')).toMatch(/^R2 on the test rows: 0\.\d+/);
  });
});
