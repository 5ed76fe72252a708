import { availableParallelism } from 'node:os';
import type { NativeOperation } from './native.ts';
import { native } from './native.ts';

export type Operation = NativeOperation;

/** Every operation of the graph, with what docs/OPERATIONS.md says of it. */
export function operations(): Operation[] {
  return native().operations();
}

/** What is running: the engine's version, its backend, the instruction set of its own kernels. */
export function engineInfo(): { version: string; backend: string; isa: string; threads: number } {
  const { version, backend, isa } = native().info();
  return { version, backend, isa, threads: availableParallelism() };
}
