import { availableParallelism } from 'node:os';
import { EngineError } from './engine-error.ts';
import { explainPlan } from './explain.ts';
import type { Graph } from './graph.ts';
import type { NativeSession, NativeTensor, Passes, PlanReport, Precision } from './native.ts';
import { native } from './native.ts';
import type { Node } from './node.ts';
import type { Pipeline } from './pipeline.ts';
import { PreparedCall } from './prepared-call.ts';
import type { Tensor } from './tensor.ts';
import { namedTensors, toNative } from './tensor.ts';

export type Feeds = Record<string, Tensor>;
export type Fetches = Record<string, Node>;
export type Results<F extends Fetches = Fetches> = { [K in keyof F]: Tensor };

export interface SessionOptions {
  /** The size of the team that runs a plan; all cores by default. */
  threads?: number;
  /** Switches passes of the compiler off, to find out which one is to blame: `{ fuse: false }`. */
  passes?: Passes;
  /** What products are made in; float32 by default. Throws 'unsupported' where the processor lacks it. */
  precision?: Precision;
  /** Bytes: a plan that would need more is refused before it runs, with both numbers. */
  memoryLimit?: number;
}

/** The variables of a graph and the plans that were compiled for it, one for each set of feed shapes. */
export class Session {
  readonly graph: Graph;
  readonly threads: number;
  #native: NativeSession | undefined;
  readonly #initialized = new Set<string>();

  constructor(graph: Graph, options: SessionOptions = {}) {
    this.graph = graph;
    this.threads = options.threads ?? availableParallelism();
    this.#native = new (native().Session)(
      this.threads,
      options.passes,
      options.memoryLimit,
      options.precision,
    );
  }

  /** The native session, with every variable of the graph in place. */
  get handle(): NativeSession {
    if (!this.#native) throw new EngineError('closed', 'Session', 'this session is closed');
    const fresh = [...this.graph.initialValues].filter(([name]) => !this.#initialized.has(name));
    if (fresh.length > 0) {
      this.#native.writeVariables(
        this.graph.native,
        fresh.map(([name, value]) => toNative(name, value)),
      );
      for (const [name] of fresh) this.#initialized.add(name);
    }
    return this.#native;
  }

  /** Runs off the JavaScript thread. `step` is what dropout and schedules see; runs with the same one drop the same. */
  async run<F extends Fetches>(
    feeds: Feeds,
    fetches: F,
    options: { step?: number } = {},
  ): Promise<Results<F>> {
    const outputs = this.graph.refs(Object.values(fetches));
    return named(
      fetches,
      await this.handle.run(this.graph.native, feedList(feeds), outputs, options.step ?? 0),
    );
  }

  /** Runs on the calling thread: for tiny graphs, where handing over costs more than the work. */
  runSync<F extends Fetches>(
    feeds: Feeds,
    fetches: F,
    options: { step?: number } = {},
  ): Results<F> {
    const outputs = this.graph.refs(Object.values(fetches));
    return named(
      fetches,
      this.handle.runSync(this.graph.native, feedList(feeds), outputs, options.step ?? 0),
    );
  }

  /** One pass over a pipeline; outputs with a batch dim are joined along it, others are stacked. */
  async evaluate<F extends Fetches>(pipeline: Pipeline, fetches: F): Promise<Results<F>> {
    const nodes = Object.values(fetches);
    const joined = nodes.map((node) => (node.shape[0] === null ? 1 : 0));
    return named(
      fetches,
      await this.handle.evaluate(
        this.graph.native,
        pipeline.handle,
        this.graph.refs(nodes),
        joined,
      ),
    );
  }

  /** Copies of all variables. */
  variables(): Record<string, Tensor> {
    return namedTensors(this.handle.readVariables(this.graph.native));
  }

  assign(values: Record<string, Tensor>): void {
    this.handle.writeVariables(
      this.graph.native,
      Object.entries(values).map(([name, value]) => toNative(name, value)),
    );
  }

  /**
   * Reads every variable of the graph from a file of safetensors, straight to where it lives: no copy passes through
   * JavaScript. What else the file holds is left out.
   *
   * @throws EngineError 'corrupt_file' where one is missing or has another dtype or shape, with nothing written; where
   * the file turns out shorter while it is read, the variables are half written.
   */
  async load(path: string): Promise<void> {
    await this.handle.loadVariables(this.graph.native, path);
  }

  /** A call whose plan and memory are found once; see PreparedCall. */
  prepare<F extends Fetches>(
    feedShapes: Record<string, readonly number[]>,
    fetches: F,
  ): PreparedCall<F> {
    const outputs = this.graph.refs(Object.values(fetches));
    const handle = this.handle.prepare(this.graph.native, this.#types(feedShapes), outputs);
    return new PreparedCall(handle, Object.keys(fetches));
  }

  /** What a plan is made of and what it needs; compiles it, and runs nothing. */
  planReport(
    feedShapes: Record<string, readonly number[]>,
    fetches: Fetches,
    effects: readonly number[] = [],
  ): PlanReport {
    const outputs = this.graph.refs(Object.values(fetches));
    return this.handle.planReport(this.graph.native, this.#types(feedShapes), outputs, [
      ...effects,
    ]);
  }

  /** The schedule of a plan as a table: kernels, layouts, bytes, and times where it was profiled. */
  explain(
    feedShapes: Record<string, readonly number[]>,
    fetches: Fetches,
    effects: readonly number[] = [],
  ): string {
    return explainPlan(this.planReport(feedShapes, fetches, effects));
  }

  /** From now on each kernel of each run is timed; runs that are not profiled pay nothing for it. */
  startProfile(): void {
    this.handle.startProfile();
  }

  /** Ends it; gives the runs as JSON for chrome://tracing or Perfetto. */
  stopProfile(): string {
    return this.handle.stopProfile();
  }

  #types(feedShapes: Record<string, readonly number[]>): object[] {
    return Object.entries(feedShapes).map(([name, shape]) => ({
      name,
      shape: [...shape],
      dtype: this.graph.byName(name).dtype,
    }));
  }

  close(): void {
    this.#native = undefined;
  }
}

function feedList(feeds: Feeds): NativeTensor[] {
  return Object.entries(feeds).map(([name, value]) => toNative(name, value));
}

function named<F extends Fetches>(fetches: F, outputs: readonly NativeTensor[]): Results<F> {
  return Object.fromEntries(
    Object.keys(fetches).map((key, i) => [key, outputs[i]]),
  ) as unknown as Results<F>;
}
