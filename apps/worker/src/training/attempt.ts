import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobProgress, LogLine } from '@vanda/contracts';
import type { TrainingResult } from '@vanda/estimators';
import {
  type AttemptEnd,
  type Claim,
  deliverOutbox,
  endAttempt,
  notePointsProduced,
  noteProgress,
  noteStartStep,
  succeedAttempt,
} from '@vanda/records';
import type { WorkerDeps } from '../deps.ts';
import {
  endByDeath,
  endByFailure,
  endByStop,
  endBySurroundings,
  lastWord,
  type StopReason,
} from './attempt-ends.ts';
import { CheckpointKeeper, fetchCheckpoint, freeCheckpoints } from './checkpoint-keeper.ts';
import type { DatasetCache } from './dataset-cache.ts';
import { fetchBase } from './fetch-artifact.ts';
import type { FromChild } from './messages.ts';
import { freePreviews, PreviewKeeper } from './preview-keeper.ts';
import { publish } from './publish.ts';
import { TelemetryLog, telemetryFile } from './telemetry-log.ts';
import { startTrainingProcess, type TrainingProcess } from './training-process.ts';

export interface AttemptDeps extends WorkerDeps {
  cache: DatasetCache;
  attemptsFolder: string;
  childEnvironment: NodeJS.ProcessEnv;
}

/** One try at running a job, from its claim to its end. It holds the lease as long as its role renews it. */
export class Attempt {
  readonly claim: Claim;
  readonly #deps: AttemptDeps;
  readonly #folder: string;
  readonly #preparing = new AbortController();
  #stopReason: StopReason | null = null;
  #process: TrainingProcess | null = null;
  #telemetry: TelemetryLog | null = null;
  #publishing = false;
  #heldUntil: number;
  #progress: JobProgress | null = null;
  #produced = 0;
  #timers: NodeJS.Timeout[] = [];

  constructor(deps: AttemptDeps, claim: Claim, claimedAt: number) {
    const { jobId: job, number } = claim;
    this.#deps = { ...deps, log: deps.log.child({ job, attempt: number }) };
    this.claim = claim;
    this.#folder = join(deps.attemptsFolder, claim.attemptId);
    this.#heldUntil = claimedAt + deps.config.leaseMs;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Postgres confirmed the lease; `askedAt` (performance.now) is from before the question. */
  held(askedAt: number): void {
    this.#heldUntil = askedAt + this.#deps.config.leaseMs;
    this.#process?.send({ type: 'held', forMs: this.#deps.config.leaseMs * 2 });
  }

  /** By this machine's clock, which is at most as generous as Postgres'. */
  get leaseHasRunOut(): boolean {
    return performance.now() > this.#heldUntil;
  }

  /** Asks once; a later, harder reason only counts where nothing may be written any more. */
  stop(reason: StopReason): void {
    if (this.#stopReason !== null && reason !== 'lost') return;
    // What is trained to its end is worth writing down: only a cancellation or a lost lease are against it.
    if (this.#publishing && (reason === 'preempt' || reason === 'timeout')) return;
    this.#stopReason = reason;
    this.#preparing.abort();
    if (reason === 'lost') {
      this.#process?.kill();
      return;
    }
    this.#process?.send({ type: 'stop' });
    this.#timers.push(setTimeout(() => this.#process?.kill(), this.#deps.config.stopGraceMs));
  }

  /** Called about once a second: shows progress and how many points were made. */
  async report(): Promise<void> {
    const progress = this.#progress;
    this.#progress = null;
    if (progress !== null) await noteProgress(this.#deps.db, this.claim, progress);
    const produced = this.#telemetry?.produced ?? 0;
    if (produced === this.#produced) return;
    await notePointsProduced(this.#deps.db, this.claim.attemptId, produced);
    this.#produced = produced;
  }

  /** Never rejects: however it ends, it is written down, or the lease tells. */
  async run(): Promise<void> {
    const { log, db } = this.#deps;
    log.info({ name: this.claim.name }, 'attempt started');
    this.#limitTime();
    try {
      await mkdir(this.#folder, { recursive: true });
      const telemetry = await TelemetryLog.create(
        db,
        this.claim,
        join(this.#folder, telemetryFile),
        (error) => log.warn({ err: error.message }, 'telemetry waits'),
      );
      this.#telemetry = telemetry;
      const outcome = await this.#train(telemetry).catch((error: Error) => this.#broke(error));
      await this.#conclude(telemetry, outcome);
    } catch (error) {
      log.error({ err: error }, 'the attempt could not be concluded; its lease will run out');
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
    }
  }

  #limitTime(): void {
    const { spec, spentMs } = this.claim;
    const leftMs = spec.resources.timeoutMinutes * 60_000 - spentMs;
    // setTimeout's own limit is 24.8 days; a worker that lives longer is restarted sooner or later.
    const timer = setTimeout(
      () => this.stop('timeout'),
      Math.min(Math.max(0, leftMs), 2 ** 31 - 1),
    );
    this.#timers.push(timer);
  }

  async #train(telemetry: TelemetryLog): Promise<TrainingResult | AttemptEnd> {
    const { claim } = this;
    const { cache, db, config, log } = this.#deps;
    const signal = this.#preparing.signal;
    this.#progress = { percent: 0, phase: 'preparing' };
    const workDir = join(this.#folder, 'work');
    await mkdir(workDir, { recursive: true });
    const files = await cache.provide(claim.profile.files, join(this.#folder, 'data'), signal);
    const baseFolder = await fetchBase(this.#deps, claim, join(this.#folder, 'base'), signal);
    const checkpoint = await fetchCheckpoint(this.#deps, claim.jobId, this.#folder, signal);
    if (checkpoint !== null) {
      await noteStartStep(db, claim, checkpoint.step);
      this.#say(telemetry, `Attempt ${claim.number} goes on from step ${checkpoint.step}.`);
    }
    signal.throwIfAborted();
    const keeper = new CheckpointKeeper(this.#deps, claim, () => telemetry.delivered());
    const previews = new PreviewKeeper(this.#deps, claim);
    const heard =
      Promise.withResolvers<Extract<FromChild, { type: 'done' | 'stopped' | 'failed' }>>();
    const child = startTrainingProcess(
      { env: this.#deps.childEnvironment, cwd: workDir },
      (message) => {
        switch (message.type) {
          case 'progress':
            this.#progress = message.progress;
            return;
          case 'metrics':
            return telemetry.addPoints(message.points);
          case 'log':
            return telemetry.addLine(message.line);
          case 'checkpoint':
            return keeper.offer(message);
          case 'preview':
            return previews.offer(message.preview);
          default:
            heard.resolve(message);
        }
      },
      (text) => log.debug({ text: text.slice(0, 2000) }, 'training process'),
    );
    this.#process = child;
    child.send({
      type: 'start',
      spec: claim.spec,
      data: { profile: claim.profile, files },
      workDir,
      threads: config.threads,
      resumeFrom: checkpoint?.path ?? null,
      baseFolder,
    });
    // The end is heard before the process is gone; a process that is gone without it has crashed.
    const ended = child.ended;
    const said = await Promise.race([heard.promise, ended.then(() => null)]);
    this.#publishing = said?.type === 'done';
    const useless = this.#publishing || this.#stopReason === 'lost';
    await Promise.all([keeper.close(useless), previews.close()]);
    if (said !== null) child.kill();
    const death = await ended;
    if (this.#stopReason !== null && !this.#publishing) {
      return endByStop(this.#stopReason, claim.spec);
    }
    if (said?.type === 'done') return said.result;
    return said?.type === 'failed' ? endByFailure(said) : endByDeath(death, child.loaded());
  }

  #broke(error: Error): AttemptEnd {
    if (this.#stopReason !== null) return endByStop(this.#stopReason, this.claim.spec);
    this.#deps.log.error({ err: error }, 'the attempt broke');
    return endBySurroundings(error);
  }

  async #conclude(telemetry: TelemetryLog, outcome: TrainingResult | AttemptEnd): Promise<void> {
    const { db, log, sender } = this.#deps;
    if (this.#stopReason === 'lost') {
      await telemetry.close();
      log.warn('the lease was lost; the attempt is given up');
      return;
    }
    if ('kind' in outcome) {
      const word = lastWord(outcome);
      if (word !== null) this.#say(telemetry, word.text, word.level);
      await Promise.race([telemetry.delivered(), sleep(3000)]);
      const settled = await this.#persist(() => endAttempt(db, this.claim, outcome));
      log.info({ outcome: outcome.kind, job_state: settled?.jobState }, 'attempt ended');
    } else {
      await this.#succeed(telemetry, outcome);
    }
    await this.report().catch(() => {});
    const { jobId } = this.claim;
    const left = Promise.race([telemetry.delivered().then(() => true), sleep(3000, false)]);
    // What could not be delivered stays in the file, for whoever looks for leftovers.
    const allDelivered = await left;
    await telemetry.close();
    if (allDelivered) await rm(this.#folder, { recursive: true, force: true });
    await freeCheckpoints(this.#deps, jobId).catch(() => {});
    await freePreviews(this.#deps, jobId).catch(() => {});
    await deliverOutbox(db, sender.enqueue, { subjectId: jobId }).catch(() => {});
  }

  async #succeed(telemetry: TelemetryLog, result: TrainingResult): Promise<void> {
    const { db, log, objects } = this.#deps;
    const job = {
      jobId: this.claim.jobId,
      workDir: this.#folder,
      engineVersion: this.#deps.version,
    };
    const trained = await this.#persist(() => publish(objects, job, result));
    if (trained === null) return;
    await telemetry.delivered();
    await this.report().catch(() => {});
    const registered = await this.#persist(() => succeedAttempt(db, this.claim, trained));
    if (registered !== null) {
      log.info(registered, 'model version registered');
      return;
    }
    // Either the lease is gone, and then this changes nothing, or the job was to be cancelled meanwhile.
    await this.#persist(() => endAttempt(db, this.claim, { kind: 'cancelled' }));
  }

  /** Tries again while Postgres or the store is away, for as long as the lease is held; then answers null. */
  async #persist<T>(write: () => Promise<T | null>): Promise<T | null> {
    for (let triesLeft = 240; ; triesLeft--) {
      try {
        return await write();
      } catch (error) {
        this.#deps.log.warn({ err: (error as Error).message }, 'not written yet');
        if (this.#stopReason === 'lost') return null;
        if (triesLeft === 0) throw error;
        await sleep(250);
      }
    }
  }

  #say(telemetry: TelemetryLog, text: string, level: LogLine['level'] = 'info'): void {
    telemetry.addLine({ at: new Date().toISOString(), level, text });
  }
}
