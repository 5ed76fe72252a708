import { EngineError } from './engine-error.ts';
import { explainPlan } from './explain.ts';
import type { NativePosition, NativeTrainer, PlanReport } from './native.ts';
import { native } from './native.ts';
import type { Node } from './node.ts';
import type { Optimizer } from './optimizer.ts';
import type { Pipeline } from './pipeline.ts';
import { readSafetensors } from './safetensors.ts';
import type { Selection } from './selection.ts';
import type { Fetches, Results, Session } from './session.ts';
import type { Tensor } from './tensor.ts';
import { namedTensors } from './tensor.ts';

/** `step` counts from 1; the loss is the one before that step's update. */
export interface MetricPoint {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly metrics: Record<string, number>;
}

/** Epochs finished, batches done in the present one, steps done in all. */
export type Position = NativePosition;

export interface TrainerState {
  readonly tensors: Record<string, Tensor>;
  readonly position: Position;
}

export interface TrainerOptions {
  pipeline: Pipeline;
  loss: Node;
  optimizer: Optimizer;
  metrics?: Fetches;
  /** What to train; all trainable variables by default. */
  variables?: readonly Node[];
  /**
   * Instead: only those whose names match, and none of those that are excluded. Another trainer of the same session with
   * another choice freezes and unfreezes them: it takes over the optimizer's state, and the position where it is given.
   */
  include?: Selection['include'];
  exclude?: Selection['exclude'];
  position?: Position;
}

const POSITION_KEY = 'vanda.position';

/** The training loop: it runs in C++ on a thread of its own; JavaScript sees batches of points. */
export class Trainer {
  readonly session: Session;
  readonly pipeline: Pipeline;
  readonly #native: NativeTrainer;
  readonly #metricNames: string[];

  constructor(session: Session, options: TrainerOptions) {
    const graph = session.graph;
    this.session = session;
    this.pipeline = options.pipeline;
    const metrics = options.metrics ?? {};
    for (const [name, node] of Object.entries({ loss: options.loss, ...metrics })) {
      if (node.shape.length > 0) throw new EngineError('shape_mismatch', name, 'must be a scalar');
    }
    const { include, exclude } = options;
    if (options.variables && (include !== undefined || exclude !== undefined)) {
      throw new EngineError(
        'invalid_attribute',
        'Trainer',
        'variables are chosen by themselves or by name, not both',
      );
    }
    const trained = options.variables ?? { include, exclude };
    const effects = [...options.optimizer.minimize(options.loss, trained), ...graph.updates];
    this.#metricNames = Object.keys(metrics);
    const outputs = graph.refs([options.loss, ...Object.values(metrics)]);
    this.#native = new (native().Trainer)(
      graph.native,
      session.handle,
      options.pipeline.handle,
      outputs,
      effects,
    );
    if (options.position) this.#native.setPosition(options.position);
  }

  get position(): Position {
    return this.#native.position();
  }

  /**
   * Trains until that many epochs or steps are done, counted from the very start; resolves at once
   * when they are. Rejects with the code `diverged` when the loss is no longer finite.
   */
  async train(options: {
    untilEpoch?: number;
    untilStep?: number;
    onMetrics?: (points: MetricPoint[]) => void;
  }): Promise<{ reason: 'finished' | 'stopped'; position: Position }> {
    const { onMetrics, ...limits } = options;
    const done = await this.#native.train(limits, (flat) => onMetrics?.(this.#points(flat)));
    return { reason: done.stopped ? 'stopped' : 'finished', position: done.position };
  }

  /** Ends the run before its next step. */
  stop(): void {
    this.#native.stop();
  }

  evaluate<F extends Fetches>(pipeline: Pipeline, fetches: F): Promise<Results<F>> {
    return this.session.evaluate(pipeline, fetches);
  }

  /** What a step of a whole batch is made of and what it needs; compiles it, and trains nothing. */
  planReport(): PlanReport {
    return this.#native.planReport();
  }

  /** The same as a table; with times where the session was profiled. */
  explain(): string {
    return explainPlan(this.planReport());
  }

  /** All variables, optimizer slots included, at a step boundary. */
  async exportState(): Promise<TrainerState> {
    const state = await this.#native.exportState();
    return { tensors: namedTensors(state.tensors), position: state.position };
  }

  importState(state: TrainerState): void {
    const missing = this.session.graph.variables.find((info) => !(info.name in state.tensors));
    if (missing)
      throw new EngineError('unknown_name', missing.name, 'this variable is not in the state');
    this.#native.setPosition(state.position);
    this.session.assign(state.tensors);
  }

  /** Writes the state to a safetensors file, atomically; also while training, at the next step boundary. */
  checkpoint(path: string, metadata: Record<string, string> = {}): Promise<Position> {
    return this.#native.checkpoint(path, metadata);
  }

  /** Reads a checkpoint back; train() then goes on exactly as if it had never stopped. */
  async restore(path: string): Promise<{ position: Position; metadata: Record<string, string> }> {
    const { tensors, metadata } = await readSafetensors(path);
    const { [POSITION_KEY]: text, ...rest } = metadata;
    const [epoch, batch, step] = (text ?? '').split(' ').map(Number);
    const numbers = [epoch, batch, step];
    if (
      text === undefined ||
      numbers.some((value) => !Number.isSafeInteger(value) || (value as number) < 0)
    ) {
      throw new EngineError('corrupt_file', path, 'this is not a checkpoint of a trainer');
    }
    const position = { epoch, batch, step } as Position;
    this.importState({ tensors, position });
    return { position, metadata: rest };
  }

  #points(flat: Float64Array): MetricPoint[] {
    const width = 3 + this.#metricNames.length;
    return Array.from({ length: flat.length / width }, (_, row) => {
      const [step, epoch, loss, ...values] = flat.subarray(
        row * width,
        (row + 1) * width,
      ) as unknown as number[];
      const metrics = Object.fromEntries(
        this.#metricNames.map((name, i) => [name, values[i] as number]),
      );
      return { step: step as number, epoch: epoch as number, loss: loss as number, metrics };
    });
  }
}
