import type { Predictor } from '@vanda/estimators';
import type { Servable } from '@vanda/records';
import type { ArtifactCache } from './artifact-cache.ts';
import type { CrashMarks } from './crash-marks.ts';
import { LoadedVersion } from './loaded-version.ts';
import type { BatcherOptions } from './micro-batcher.ts';

export type LoadPredictor = (folder: string, options: { threads: number }) => Promise<Predictor>;

/** Each model version is in memory once, however many endpoints serve it; so is each preview of a job. */
export class VersionPool {
  private readonly held = new Map<string, { users: number; loading: Promise<LoadedVersion> }>();
  private readonly cache: ArtifactCache;
  private readonly marks: CrashMarks;
  private readonly loadPredictor: LoadPredictor;
  private readonly threads: number;
  private readonly batching: BatcherOptions;

  constructor(
    cache: ArtifactCache,
    marks: CrashMarks,
    loadPredictor: LoadPredictor,
    threads: number,
    batching: BatcherOptions,
  ) {
    this.cache = cache;
    this.marks = marks;
    this.loadPredictor = loadPredictor;
    this.threads = threads;
    this.batching = batching;
  }

  /** Loaded and warm. Every acquired version must be released once. */
  async acquire(version: Servable): Promise<LoadedVersion> {
    const { id } = version;
    const known = this.held.get(id) ?? { users: 0, loading: this.load(version) };
    this.held.set(id, known);
    known.users++;
    try {
      return await known.loading;
    } catch (error) {
      // A failed load is forgotten, so that the next try is a new one.
      if (this.held.get(id) === known) this.held.delete(id);
      throw error;
    }
  }

  release(version: LoadedVersion): void {
    const known = this.held.get(version.id);
    if (known === undefined) return;
    known.users--;
    if (known.users > 0) return;
    this.held.delete(version.id);
    version.retire();
  }

  private async load(version: Servable): Promise<LoadedVersion> {
    const folder = await this.cache.folderOf(version);
    const predictor = await this.marks.guard(version.id, async () => {
      const loaded = await this.loadPredictor(folder, { threads: this.threads });
      await loaded.warm();
      return loaded;
    });
    return new LoadedVersion(version.id, predictor, this.batching);
  }
}
