import { VandaError } from '@vanda/contracts';
import type { Servable } from '@vanda/records';
import type { ArtifactCache } from './artifact-cache.ts';
import type { LoadedVersion } from './loaded-version.ts';
import type { VersionPool } from './version-pool.ts';

export interface TrialLimits {
  /** Jobs whose models are kept in memory between two questions. */
  jobsMax: number;
  /** The bytes of all their weights together, and so of any one. */
  bytesMax: number;
  /** What nobody asks for so long is let go. */
  idleMs: number;
}

const usual: TrialLimits = { jobsMax: 8, bytesMax: 512 * 1024 ** 2, idleMs: 10 * 60_000 };
const triesMax = 2;

interface Kept {
  id: string;
  bytes: number;
  usedAt: number;
  /** This entry's own hold on the model; each request has another one. */
  holding: Promise<LoadedVersion>;
}

/**
 * The models of jobs that somebody tries: a job's preview while it trains, then its model version. Which one it is, is
 * asked anew for each request; a newer one is loaded and takes over, and the one before drains: it is closed when the
 * last request that holds it has left. The least recently asked make room.
 */
export class JobTrials {
  /** By job, the least recently asked first. */
  private readonly kept = new Map<string, Kept>();
  private readonly find: (projectId: string, jobId: string) => Promise<Servable>;
  private readonly pool: VersionPool;
  private readonly cache: ArtifactCache;
  private readonly limits: TrialLimits;

  constructor(
    find: (projectId: string, jobId: string) => Promise<Servable>,
    pool: VersionPool,
    cache: ArtifactCache,
    limits: Partial<TrialLimits> = {},
  ) {
    this.find = find;
    this.pool = pool;
    this.cache = cache;
    this.limits = { ...usual, ...limits };
  }

  /** @throws VandaError with the reason where the job has nothing to try. */
  async use<T>(
    projectId: string,
    jobId: string,
    work: (loaded: LoadedVersion) => Promise<T>,
  ): Promise<T> {
    const loaded = await this.acquire(projectId, jobId);
    try {
      return await loaded.use(work);
    } finally {
      this.pool.release(loaded);
    }
  }

  letIdleGo(now = Date.now()): void {
    for (const [jobId, { usedAt }] of this.kept) {
      if (now - usedAt > this.limits.idleMs) this.drop(jobId);
    }
  }

  close(): void {
    for (const jobId of [...this.kept.keys()]) this.drop(jobId);
  }

  private async acquire(projectId: string, jobId: string): Promise<LoadedVersion> {
    let servable = await this.find(projectId, jobId);
    for (let tries = 1; ; tries++) {
      this.keep(jobId, servable);
      try {
        return await this.pool.acquire(servable);
      } catch (error) {
        if (tries === triesMax) throw error;
        // Its files may be gone because a better one took its place.
        servable = await this.find(projectId, jobId);
      }
    }
  }

  private keep(jobId: string, servable: Servable): void {
    const before = this.kept.get(jobId);
    if (before?.id === servable.id) {
      this.kept.delete(jobId);
      this.kept.set(jobId, { ...before, usedAt: Date.now() });
      return;
    }
    const bytes = servable.weights?.bytes ?? 0;
    this.assertFits(bytes);
    const holding = this.pool.acquire(servable);
    if (before) this.drop(jobId);
    this.kept.set(jobId, { id: servable.id, bytes, usedAt: Date.now(), holding });
    holding.catch(() => {
      if (this.kept.get(jobId)?.holding === holding) this.kept.delete(jobId);
    });
    // A preview's files are of no use once it is in memory; a model version's stay for the endpoints.
    const forget = () => this.cache.forget(servable.id).catch(() => {});
    if (servable.id.startsWith('pvw_')) void holding.then(forget, forget);
    this.makeRoom(jobId);
  }

  private assertFits(bytes: number): void {
    const { bytesMax } = this.limits;
    if (bytes <= bytesMax) return;
    const mib = (size: number) => Math.ceil(size / 1024 ** 2);
    throw new VandaError(
      'illegal-state',
      `The weights of this job have ${mib(bytes)} MiB; a model of up to ${mib(bytesMax)} MiB can be tried here. Deploy it to an endpoint.`,
    );
  }

  private makeRoom(newest: string): void {
    const { jobsMax, bytesMax } = this.limits;
    for (const jobId of this.kept.keys()) {
      const bytes = [...this.kept.values()].reduce((sum, kept) => sum + kept.bytes, 0);
      if (jobId === newest || (this.kept.size <= jobsMax && bytes <= bytesMax)) return;
      this.drop(jobId);
    }
  }

  private drop(jobId: string): void {
    const kept = this.kept.get(jobId);
    if (kept === undefined) return;
    this.kept.delete(jobId);
    void kept.holding.then(
      (loaded) => this.pool.release(loaded),
      () => {},
    );
  }
}
