import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const bytesMax = 10 * 1024 * 1024;
const filesKept = 3;

/**
 * A log file that moves aside at 10 MiB (`x.log.1` is the youngest of three). Writing never
 * throws: on a full disk the lines are dropped rather than the server whose lines they are.
 */
export class RotatingLog {
  readonly #file: string;
  #descriptor: number | null = null;
  #bytes = 0;

  constructor(file: string) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
  }

  write(chunk: string): void {
    try {
      if (this.#descriptor === null) this.#open();
      if (this.#bytes > bytesMax) this.#rotate();
      if (this.#descriptor !== null) this.#bytes += writeSync(this.#descriptor, chunk);
    } catch {
      this.close();
    }
  }

  close(): void {
    if (this.#descriptor === null) return;
    closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #open(): void {
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#bytes = statSync(this.#file).size;
  }

  #rotate(): void {
    this.close();
    for (let n = filesKept; n >= 1; n--) {
      const from = n === 1 ? this.#file : `${this.#file}.${n - 1}`;
      if (existsSync(from)) renameSync(from, `${this.#file}.${n}`);
    }
    this.#open();
  }
}
