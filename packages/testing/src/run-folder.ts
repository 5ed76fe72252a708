import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { livesOn, readIdentity, writeIdentity } from '../../../tools/services/process-identity.ts';

const prefix = 'vanda-test-';
const ownerFile = 'owner.json';

/**
 * A folder for what this process starts, gone when the process ends. Folders that a killed run
 * could not remove are removed by the next one, which sees that their owner is dead.
 */
export function makeRunFolder(label: string): string {
  sweepAbandoned();
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${label}-`));
  writeIdentity(join(folder, ownerFile), process.pid);
  process.once('exit', () => removeFolder(folder));
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

let swept = false;

function sweepAbandoned(): void {
  if (swept) return;
  swept = true;
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const folder = join(tmpdir(), name);
    const owner = readIdentity(join(folder, ownerFile));
    if (owner && !livesOn(owner)) removeFolder(folder);
  }
}
