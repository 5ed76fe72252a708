import type { ServedEndpoint, ServedVersion, ServingState } from '@vanda/records';
import type { LoadedVersion } from './loaded-version.ts';
import { TrafficMeter } from './traffic-meter.ts';
import type { VersionPool } from './version-pool.ts';

/** One version that takes traffic. */
export interface Serving {
  version: number;
  percent: number;
  loaded: LoadedVersion;
}
/** An endpoint as requests see it. */
export interface Served {
  target: ServedEndpoint;
  /** What the server has made of `target` so far. */
  state: ServingState;
  error: string | null;
  /** Serving now; of the ledger entry before where the present one is still loading or has failed. */
  serving: Serving[];
  meter: TrafficMeter;
}

const firstRetryMs = 2_000;
const longestRetryMs = 60_000;

/**
 * Follows the ledger: a new entry's versions are loaded and warmed beside the old ones, then swapped in by one
 * assignment, and the old ones drain. Whatever goes wrong leaves the old ones serving.
 */
export class ServedEndpoints {
  private readonly byId = new Map<string, Served>();
  private readonly byName = new Map<string, Served>();
  private readonly bringing = new Map<string, Promise<void>>();
  private readonly retries = new Map<string, { at: number; tried: number }>();
  private known = false;
  private readonly pool: VersionPool;
  private readonly onChange: (served: Served) => void;

  constructor(pool: VersionPool, onChange: (served: Served) => void) {
    this.pool = pool;
    this.onChange = onChange;
  }

  find(name: string): Served | undefined {
    return this.byName.get(name);
  }

  /** False until the ledgers were read for the first time: what is not found then may well be there. */
  get areKnown(): boolean {
    return this.known;
  }

  all(): Served[] {
    return [...this.byId.values()];
  }

  /** Moves towards what the ledger says now. Returns the ids of endpoints that are served no more. */
  follow(targets: readonly ServedEndpoint[], now = Date.now()): string[] {
    this.known = true;
    const wanted = new Set(targets.map((target) => target.id));
    const gone = [...this.byId.keys()].filter((id) => !wanted.has(id));
    for (const id of gone) this.drop(id);
    for (const target of targets) {
      const served = this.byId.get(target.id);
      if (served === undefined) {
        this.add(target);
      } else if (served.target.seq !== target.seq) {
        this.retries.delete(target.id);
        served.target = target;
        this.bring(served);
      } else if (served.state === 'failed' && now >= (this.retries.get(target.id)?.at ?? 0)) {
        served.target = target;
        this.bring(served);
      }
    }
    return gone;
  }

  /** Resolves when nothing is being loaded any more. */
  async settled(): Promise<void> {
    await Promise.all(this.bringing.values());
  }

  close(): void {
    for (const id of [...this.byId.keys()]) this.drop(id);
  }

  private add(target: ServedEndpoint): void {
    const served: Served = {
      target,
      state: 'loading',
      error: null,
      serving: [],
      meter: new TrafficMeter(),
    };
    this.byId.set(target.id, served);
    this.byName.set(target.name, served);
    this.bring(served);
  }

  private drop(id: string): void {
    const served = this.byId.get(id);
    if (served === undefined) return;
    this.byId.delete(id);
    if (this.byName.get(served.target.name) === served) this.byName.delete(served.target.name);
    this.retries.delete(id);
    this.release(served.serving.splice(0));
  }

  /** One endpoint's entries are brought in one after the other; a newer one waits and then replaces its target. */
  private bring(served: Served): void {
    this.set(served, 'loading', null);
    const before = this.bringing.get(served.target.id) ?? Promise.resolve();
    const mine = before.then(() => this.load(served));
    this.bringing.set(served.target.id, mine);
    void mine.finally(() => {
      if (this.bringing.get(served.target.id) === mine) this.bringing.delete(served.target.id);
    });
  }

  private async load(served: Served): Promise<void> {
    const { target } = served;
    if (served.state !== 'loading') return;
    try {
      const next = await this.acquireAll(target.versions);
      if (this.byId.get(target.id) !== served || served.target.seq !== target.seq) {
        this.release(next);
        return;
      }
      const old = served.serving;
      served.serving = next;
      this.release(old);
      this.retries.delete(target.id);
      this.set(served, 'ready', null);
    } catch (error) {
      if (served.target.seq !== target.seq) return;
      const tried = this.retries.get(target.id)?.tried ?? 0;
      const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** tried);
      this.retries.set(target.id, { at: Date.now() + waitMs, tried: tried + 1 });
      this.set(served, 'failed', (error as Error).message);
    }
  }

  private async acquireAll(versions: readonly ServedVersion[]): Promise<Serving[]> {
    const outcomes = await Promise.allSettled(
      versions.map(async (version) => ({
        version: version.version,
        percent: version.percent,
        loaded: await this.pool.acquire(version),
      })),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const loaded = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    );
    if (failed === undefined) return loaded;
    this.release(loaded);
    throw failed.reason;
  }

  private release(serving: Serving[]): void {
    for (const { loaded } of serving) this.pool.release(loaded);
  }

  private set(served: Served, state: ServingState, error: string | null): void {
    served.state = state;
    served.error = error;
    this.onChange(served);
  }
}

/** The version that one request goes to: the one that was asked for, or by the shares of the traffic. */
export function choose(served: Served, version?: number): Serving | undefined {
  if (version !== undefined) return served.serving.find((each) => each.version === version);
  const total = served.serving.reduce((sum, { percent }) => sum + percent, 0);
  let rest = Math.random() * total;
  for (const each of served.serving) {
    rest -= each.percent;
    if (rest < 0) return each;
  }
  return served.serving.at(-1);
}
