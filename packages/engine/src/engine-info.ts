import { availableParallelism } from 'node:os';
import { native } from './native.ts';

/** What is running: the engine's version, its backend, the instruction set of its own kernels. */
export function engineInfo(): { version: string; backend: string; isa: string; threads: number } {
  const { version, backend, isa } = native().info();
  return { version, backend, isa, threads: availableParallelism() };
}
