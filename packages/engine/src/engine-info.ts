import { availableParallelism } from 'node:os';
import type { NativeOperation } from './native.ts';
import { native } from './native.ts';

export type Operation = NativeOperation;

/** Every operation of the graph, with what docs/OPERATIONS.md says of it. */
export function operations(): Operation[] {
  return native().operations();
}

export interface EngineInfo {
  version: string;
  backend: string;
  /** The instruction set of the engine's own kernels. */
  isa: string;
  /** Whether the processor has instructions for products of bfloat16 (AVX-512 BF16 or AMX). */
  bfloat16: boolean;
  threads: number;
}

/** What is running, and on what. */
export function engineInfo(): EngineInfo {
  const { version, backend, isa, bfloat16 } = native().info();
  return { version, backend, isa, bfloat16, threads: availableParallelism() };
}
