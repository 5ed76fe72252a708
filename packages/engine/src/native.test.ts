import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

test('without the addon, importing works and the first use says what to do', async () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'vanda-no-addon-')), 'a/b/c');
  cpSync(import.meta.dirname, folder, { recursive: true });
  const engine = await import(pathToFileURL(join(folder, 'index.ts')).href);
  expect(() => new engine.Graph()).toThrow(/not built: run `npm run build:native`/);
  expect(() => engine.engineInfo()).toThrow(expect.objectContaining({ code: 'not_built' }));
});
