import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, MetricPoint } from '@vanda/contracts';
import { type Database, storeLogBatch, storeMetricBatch } from '@vanda/records';

/** One line of the file. Metric and log batches are numbered apart, each from 1. */
export type TelemetryBatch =
  | { kind: 'metrics'; seq: number; items: MetricPoint[] }
  | { kind: 'logs'; seq: number; items: LogLine[] };

export const telemetryFile = 'telemetry.jsonl';
const gatherMs = 200;
const itemsMax = 2000;
const retryMs = 500;

/**
 * What an attempt measures and says goes to a local file first (one JSON line a batch, synced), then in order to
 * Postgres, which acknowledges each batch; training waits for neither. What was not acknowledged when the worker died
 * is sent by the next one (see leftovers.ts). Only offsets are held in memory, however long Postgres is away.
 */
export class TelemetryLog {
  readonly #db: Database;
  readonly #attempt: { jobId: string; attemptId: string };
  readonly #file: FileHandle;
  readonly #onError: (error: Error) => void;
  #points: MetricPoint[] = [];
  #lines: LogLine[] = [];
  #seqs = { metrics: 0, logs: 0 };
  #offset = 0;
  #produced = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #toSend: { offset: number; length: number }[] = [];
  #sending: Promise<void> | null = null;
  #closed = false;

  private constructor(
    db: Database,
    attempt: { jobId: string; attemptId: string },
    file: FileHandle,
    onError: (error: Error) => void,
  ) {
    this.#db = db;
    this.#attempt = attempt;
    this.#file = file;
    this.#onError = onError;
  }

  static async create(
    db: Database,
    attempt: { jobId: string; attemptId: string },
    path: string,
    onError: (error: Error) => void,
  ): Promise<TelemetryLog> {
    return new TelemetryLog(db, attempt, await open(path, 'wx+'), onError);
  }

  /** Points made so far. */
  get produced(): number {
    return this.#produced;
  }

  addPoints(points: MetricPoint[]): void {
    this.#produced += points.length;
    for (const point of points) this.#points.push(point);
    this.#gather(this.#points.length);
  }

  addLine(line: LogLine): void {
    this.#lines.push(line);
    this.#gather(this.#lines.length);
  }

  #gather(count: number): void {
    if (count >= itemsMax) void this.#write();
    else this.#timer ??= setTimeout(() => void this.#write(), gatherMs);
  }

  /** Resolves when everything so far is in the file, synced, and acknowledged by Postgres; or when it is closed. */
  async delivered(): Promise<void> {
    await this.#write();
    await this.#sending;
  }

  /** Ends sending; what is not acknowledged stays in the file. */
  async close(): Promise<void> {
    const written = this.#write();
    this.#closed = true;
    await written;
    await this.#sending;
    await this.#file.close();
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batches: TelemetryBatch[] = [];
    if (this.#points.length > 0) {
      batches.push({ kind: 'metrics', seq: ++this.#seqs.metrics, items: this.#points });
    }
    if (this.#lines.length > 0) {
      batches.push({ kind: 'logs', seq: ++this.#seqs.logs, items: this.#lines });
    }
    this.#points = [];
    this.#lines = [];
    if (batches.length > 0 && !this.#closed) {
      this.#writing = this.#writing.then(() => this.#append(batches));
    }
    return this.#writing;
  }

  /** Tries again while the disk is full: later batches wait, and training does not. */
  async #append(batches: TelemetryBatch[]): Promise<void> {
    const lines = batches.map((batch) => Buffer.from(`${JSON.stringify(batch)}\n`));
    const bytes = Buffer.concat(lines);
    for (;;) {
      try {
        await writeAt(this.#file, bytes, this.#offset);
        await this.#file.datasync();
        break;
      } catch (error) {
        this.#onError(error as Error);
        if (this.#closed) return;
        await sleep(retryMs);
      }
    }
    for (const { length } of lines) {
      this.#toSend.push({ offset: this.#offset, length });
      this.#offset += length;
    }
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    // Gives `#sending` its value before it is taken away again below, in the same turn as the last look.
    await null;
    for (let next = this.#toSend[0]; next !== undefined && !this.#closed; next = this.#toSend[0]) {
      try {
        const bytes = Buffer.alloc(next.length);
        await this.#file.read(bytes, 0, next.length, next.offset);
        await sendBatch(this.#db, this.#attempt, JSON.parse(bytes.toString()));
        this.#toSend.shift();
      } catch (error) {
        this.#onError(error as Error);
        await sleep(retryMs);
      }
    }
    this.#sending = null;
  }
}

/** A write may be short, on a disk that fills up for one. */
async function writeAt(file: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

/** Storing a batch that Postgres has already is no error and changes nothing. */
export async function sendBatch(
  db: Database,
  attempt: { jobId: string; attemptId: string },
  batch: TelemetryBatch,
): Promise<void> {
  const { seq, items } = batch;
  if (batch.kind === 'metrics')
    await storeMetricBatch(db, { ...attempt, seq, points: batch.items });
  else await storeLogBatch(db, { ...attempt, seq, lines: items as LogLine[] });
}
