import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

test('without the addon, importing works and the first use says what to do', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'vanda-no-addon-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const folder = join(parent, 'a/b/c');
  cpSync(import.meta.dirname, folder, { recursive: true });
  const engine = await import(pathToFileURL(join(folder, 'index.ts')).href);
  expect(() => new engine.Graph()).toThrow(/not built: run `npm run build:native`/);
  expect(() => engine.engineInfo()).toThrow(expect.objectContaining({ code: 'not_built' }));
});
