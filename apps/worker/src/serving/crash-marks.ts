import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VandaError } from '@vanda/contracts';

const deathsMax = 3;
const forgottenMs = 600_000;

/**
 * A model that kills the process while it is loaded would take every other endpoint down again after each restart.
 * A mark on the disk outlives the process: after three such deaths in a row the model is left alone for ten minutes
 * and its endpoint says so.
 */
export class CrashMarks {
  private readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  async guard<T>(id: string, work: () => Promise<T>): Promise<T> {
    const mark = join(this.folder, id);
    const deaths = await deathsOf(mark);
    if (deaths >= deathsMax) {
      throw new VandaError(
        'poisoned',
        `Loading this model version ended the inference server ${deaths} times; it is left alone for now.`,
      );
    }
    await mkdir(this.folder, { recursive: true });
    await writeFile(mark, JSON.stringify({ deaths: deaths + 1, at: Date.now() }));
    try {
      return await work();
    } finally {
      await rm(mark, { force: true });
    }
  }
}

async function deathsOf(mark: string): Promise<number> {
  try {
    const { deaths, at } = JSON.parse(await readFile(mark, 'utf8'));
    return Date.now() - at < forgottenMs ? Number(deaths) : 0;
  } catch {
    return 0;
  }
}
