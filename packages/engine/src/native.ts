import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { env as environment } from 'node:process';
import { fileURLToPath } from 'node:url';
import { EngineError } from './engine-error.ts';
import type { DType, TensorData } from './tensor.ts';

/** The thin layer that the addon exports; values are flat lists of [node, output, node, output...]. */
export interface NativeTensor {
  name?: string;
  dtype: DType;
  shape: readonly number[];
  data: TensorData;
}
export interface NativeType {
  dtype: DType;
  shape: number[];
}
export interface NativeNode {
  id: number;
  op: string;
  name: string;
  outputs: NativeType[];
  trainable?: boolean;
}
export type Attributes = Record<string, number | string | boolean | readonly number[] | undefined>;

export interface NativeGraph {
  add(
    op: string,
    inputs: number[],
    attributes: Attributes,
    name?: string,
    bodies?: readonly { graph: NativeGraph; outputs: number[] }[],
  ): NativeNode;
  addConstant(tensor: NativeTensor): NativeNode;
  gradients(loss: number[], wrt: number[]): number[];
  recompute(first: number, outputs: number[]): NativeNode;
  describe(id: number): NativeNode;
  size(): number;
  toJson(outputs: number[], inlined: boolean): string;
  loadJson(json: string): number[];
}
export interface NativePosition {
  epoch: number;
  batch: number;
  step: number;
}
export interface NativePipeline {
  rowCount(): number;
  batchesPerEpoch(): number;
  /** Flat triples of run, sequence, item. */
  take(column: string, most: number): number[];
  put(column: string, run: number, sequence: number, data: TensorData): boolean;
  fail(column: string, run: number, code: string, op: string, detail: string): void;
  onRoom(column: string, call: () => void): void;
}
export interface NativeSession {
  run(
    graph: NativeGraph,
    feeds: NativeTensor[],
    outputs: number[],
    step: number,
  ): Promise<NativeTensor[]>;
  runSync(
    graph: NativeGraph,
    feeds: NativeTensor[],
    outputs: number[],
    step: number,
  ): NativeTensor[];
  evaluate(
    graph: NativeGraph,
    pipeline: NativePipeline,
    outputs: number[],
    joined: number[],
  ): Promise<NativeTensor[]>;
  readVariables(graph: NativeGraph): NativeTensor[];
  writeVariables(graph: NativeGraph, values: NativeTensor[]): void;
  loadVariables(graph: NativeGraph, path: string): Promise<void>;
  planReport(graph: NativeGraph, feeds: object[], outputs: number[], effects: number[]): PlanReport;
  prepare(graph: NativeGraph, feeds: object[], outputs: number[]): NativePreparedCall;
  startProfile(): void;
  stopProfile(): string;
}
export interface NativePreparedCall {
  run(step: number): void;
  feeds(): NativeTensor[];
  outputs(): NativeTensor[];
}
/** Which passes of the compiler run; all do that are not set to false. */
export type Passes = Partial<Record<PassName, boolean>>;
export type PassName =
  | 'fold'
  | 'simplify'
  | 'cse'
  | 'prune'
  | 'epilogue'
  | 'products'
  | 'precision'
  | 'fuse'
  | 'schedule'
  | 'layout'
  | 'inPlace'
  | 'reuse';
/**
 * In bfloat16 the factors of products (dense, matmul, convolutions and their gradients) are rounded to eight significant
 * bits; sums, everything else and the weights themselves stay float32. It needs a processor that has instructions for it
 * (AVX-512 BF16 or AMX) and is refused elsewhere. Emulated, the same rounding is done anywhere, at no gain in speed: that
 * shows what it costs in accuracy.
 */
export type Precision = 'float32' | 'bfloat16' | 'emulated-bfloat16';
/** What a plan is made of and what it needs; known before it runs. All sizes are in bytes. */
export interface PlanReport {
  arenaBytes: number;
  memory: PlanMemory;
  /** The kernels by name, in the order in which they run. */
  steps: string[];
  schedule: PlanStep[];
}
export interface PlanStep {
  label: string;
  /** Type and layout of what the kernel writes. */
  result: string;
  bytesRead: number;
  bytesWritten: number;
  /** The mean of the runs that were profiled. */
  meanUs?: number;
}
export interface PlanMemory {
  /** Everything that a run writes, laid out in one block. */
  arena: number;
  /** What lives at one time, at most: no layout needs less. */
  arenaLowerBound: number;
  weights: number;
  /** Variables that are not trained: optimizer slots, running statistics. */
  state: number;
  /** Copies of weights in the layout of a kernel. */
  packed: number;
  constants: number;
  feeds: number;
  total: number;
}
export interface NativeTrainer {
  planReport(): PlanReport;
  train(
    limits: { untilEpoch?: number; untilStep?: number },
    onPoints: (points: Float64Array) => void,
  ): Promise<{ stopped: boolean; position: NativePosition }>;
  stop(): void;
  position(): NativePosition;
  setPosition(position: NativePosition): void;
  exportState(): Promise<{ tensors: NativeTensor[]; position: NativePosition }>;
  checkpoint(path: string, metadata: Record<string, string>): Promise<NativePosition>;
}
export interface NativeOperation {
  name: string;
  family: string;
  inputsMin: number;
  inputsMax: number;
  attributes: { name: string; kind: string; fallback?: number | string | boolean | number[] }[];
  text: string;
  shapes: string;
  dtypes: string;
  kernel: string;
  /** again: of any order; once: a fused backward kernel; stops: piecewise constant. */
  gradient: 'again' | 'once' | 'stops' | 'none';
}
export interface NativeSkipGram {
  train(
    untilEpoch: number,
    onProgress: (progress: { epoch: number; words: number; loss: number; rate: number }) => void,
  ): Promise<{ stopped: boolean; epoch: number }>;
  stop(): void;
  state(): { vectors: NativeTensor; noiseVectors: NativeTensor; epoch: number };
  restore(state: { vectors: NativeTensor; noiseVectors: NativeTensor; epoch: number }): void;
}
export interface Native {
  Graph: new () => NativeGraph;
  Session: new (
    threads: number,
    passes?: Passes,
    memoryLimit?: number,
    precision?: Precision,
  ) => NativeSession;
  Pipeline: new (options: object) => NativePipeline;
  Trainer: new (
    graph: NativeGraph,
    session: NativeSession,
    pipeline: NativePipeline,
    outputs: number[],
    effects: number[],
  ) => NativeTrainer;
  SkipGram: new (options: object) => NativeSkipGram;
  setErrorClass(errorClass: typeof EngineError): void;
  operations(): NativeOperation[];
  info(): { version: string; backend: string; isa: string; bfloat16: boolean; ops: string[] };
  readSafetensors(
    path: string,
  ): Promise<{ tensors: NativeTensor[]; metadata: Record<string, string> }>;
  writeSafetensors(
    path: string,
    tensors: NativeTensor[],
    metadata: Record<string, string>,
  ): Promise<void>;
}

const places = ['../../../build/native/vanda_engine.node', '../prebuilt/vanda_engine.node'];
let loaded: Native | undefined;

/** The addon, loaded at first use, so that importing this package never fails. */
export function native(): Native {
  if (loaded) return loaded;
  const found = places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((file) => existsSync(file));
  if (found === undefined) {
    throw new EngineError(
      'not_built',
      '',
      'The native engine is not built: run `npm run build:native` first.',
    );
  }
  sleepSoonBetweenTeams();
  try {
    loaded = createRequire(import.meta.url)(found) as Native;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineError(
      'not_built',
      '',
      `The native engine does not load (${reason}): run \`npm run build:native\` again.`,
    );
  }
  loaded.setErrorClass(EngineError);
  return loaded;
}

/**
 * The OpenMP runtime lets idle threads spin for milliseconds. On a machine that also runs a database
 * and a server, that takes the cores from whoever has work (a training step took twenty times as
 * long), so they go to sleep after some microseconds unless the user has decided otherwise. The
 * runtime reads this once, while the addon is being loaded.
 */
function sleepSoonBetweenTeams(): void {
  if (environment.OMP_WAIT_POLICY === undefined) environment.GOMP_SPINCOUNT ??= '1000';
}
