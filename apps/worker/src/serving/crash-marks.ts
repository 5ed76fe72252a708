import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VandaError } from '@vanda/contracts';

const crashesMax = 2;

/**
 * A model that kills the process while it is loaded would take every other endpoint down again after each restart.
 * A mark on the disk outlives the process: after two such deaths the model is left alone and its endpoint says so.
 */
export class CrashMarks {
  private readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  async guard<T>(id: string, work: () => Promise<T>): Promise<T> {
    const mark = join(this.folder, id);
    const deaths = Number(await readFile(mark, 'utf8').catch(() => '0'));
    if (deaths >= crashesMax) {
      throw new VandaError(
        'poisoned',
        `Loading this model version ended the inference server ${deaths} times; it is not tried again.`,
      );
    }
    await mkdir(this.folder, { recursive: true });
    await writeFile(mark, String(deaths + 1));
    try {
      return await work();
    } finally {
      await rm(mark, { force: true });
    }
  }
}
