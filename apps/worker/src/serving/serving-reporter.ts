import { reportServing } from '@vanda/records';
import type { Served } from './served-endpoints.ts';
import type { ServingDeps } from './start-serving.ts';

type ReporterDeps = Pick<ServingDeps, 'db' | 'workerId'>;

/** Writes to Postgres what became of each endpoint: one write at a time, the newest state only, until it arrived. */
export class ServingReporter {
  private readonly deps: ReporterDeps;
  private readonly dirty = new Set<Served>();
  private readonly told = new Map<string, string>();
  private writing: Promise<void> | null = null;

  constructor(deps: ReporterDeps) {
    this.deps = deps;
  }

  changed(served: Served): void {
    this.dirty.add(served);
    this.write();
  }

  figures(all: Served[]): void {
    for (const served of all) this.changed(served);
  }

  async idle(): Promise<void> {
    await this.writing;
  }

  private write(): void {
    this.writing ??= this.writeAll().finally(() => {
      this.writing = null;
    });
  }

  private async writeAll(): Promise<void> {
    for (let [served] = this.dirty; served !== undefined; [served] = this.dirty) {
      this.dirty.delete(served);
      const { target, state, error, meter } = served;
      const { id: endpointId, seq } = target;
      const report = { endpointId, seq, state, error, traffic: meter.figures() };
      const text = JSON.stringify(report);
      if (this.told.get(endpointId) === text) continue;
      try {
        await reportServing(this.deps.db, this.deps.workerId, report);
        this.told.set(endpointId, text);
      } catch {
        // The figures' timer tells it again.
        this.told.delete(endpointId);
        return;
      }
    }
  }
}
