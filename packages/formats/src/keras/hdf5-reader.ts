import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Tensor } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import { beginsAsHdf5, NO_HDF5 } from './hdf5-signature.ts';

export type Request =
  | { readonly call: 'open'; readonly format: string; readonly bytes: Uint8Array }
  | { readonly call: 'text' | 'texts'; readonly group: string; readonly name: string }
  | { readonly call: 'numbers'; readonly path: string; readonly shape: readonly number[] };

export type Answer =
  | { readonly value: unknown }
  | { readonly field: string; readonly sentence: string };

/**
 * An HDF5 file on a thread of its own. The library can be led round in circles by a file that is made for it (a heap
 * whose objects are of no size, for one), and a thread can be ended whatever it does: each request has its time.
 */
export class Hdf5Reader {
  readonly #worker = new Worker(new URL('./hdf5-worker.ts', import.meta.url));
  readonly #format: string;
  readonly #timeoutMs: number;

  private constructor(format: string, timeoutMs: number) {
    this.#format = format;
    this.#timeoutMs = timeoutMs;
  }

  /** What does not even begin as HDF5 is refused before there is a thread. */
  static async open(format: string, bytes: Uint8Array, timeoutMs: number): Promise<Hdf5Reader> {
    if (!beginsAsHdf5(bytes)) throw new FormatError(format, 'file', NO_HDF5);
    const reader = new Hdf5Reader(format, timeoutMs);
    try {
      // A copy of its own, which goes to the other thread: the bytes may be a part of a larger file.
      const own = new Uint8Array(bytes);
      await reader.#ask({ call: 'open', format, bytes: own }, [own.buffer]);
      return reader;
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  /** A text that a group has as an attribute; undefined where it has none of that name. */
  async text(group: string, name: string): Promise<string | undefined> {
    return (await this.#ask({ call: 'text', group, name })) as string | undefined;
  }

  /** A list of texts that a group has as an attribute. */
  async texts(group: string, name: string): Promise<string[]> {
    return (await this.#ask({ call: 'texts', group, name })) as string[];
  }

  /** The numbers of a dataset, of the shape that is wanted. */
  async numbers(path: string, shape: readonly number[]): Promise<Tensor> {
    return (await this.#ask({ call: 'numbers', path, shape })) as Tensor;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask(request: Request, transfer: ArrayBuffer[] = []): Promise<unknown> {
    const stop = new AbortController();
    const { signal } = stop;
    try {
      this.#worker.postMessage(request, transfer);
      const answered = once(this.#worker, 'message', { signal });
      const ended = once(this.#worker, 'exit', { signal }).then(() => undefined);
      const late = after(this.#timeoutMs, undefined, { signal });
      const [answer] = (await Promise.race([answered, ended, late])) ?? [];
      return this.#taken(answer as Answer | undefined);
    } catch (error) {
      if (error instanceof FormatError) throw error;
      const sentence = `the parser failed: ${String(error).slice(0, 200)}`;
      throw new FormatError(this.#format, 'file', sentence);
    } finally {
      stop.abort();
    }
  }

  #taken(answer: Answer | undefined): unknown {
    if (answer && 'value' in answer) return answer.value;
    if (answer) throw new FormatError(this.#format, answer.field, answer.sentence);
    const sentence = `the parser did not come to an end within ${this.#timeoutMs} ms`;
    throw new FormatError(this.#format, 'file', sentence);
  }
}
