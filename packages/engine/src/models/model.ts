import { EngineError } from '../engine-error.ts';
import { Pipeline } from '../pipeline.ts';
import type { Tensor } from '../tensor.ts';
import { tensor } from '../tensor.ts';
import type { Position } from '../trainer.ts';
import { Trainer } from '../trainer.ts';
import type { Bound } from './bound.ts';
import type { Compiled, CompileOptions } from './compile.ts';
import { compiled } from './compile.ts';
import type { Batching, Data, Values } from './data.ts';
import { inputsOf, rowMean, splitRows, tensorsOf } from './data.ts';
import { loop } from './fit.ts';
import type { Callback, History, Logs, Trainee } from './run.ts';
import { outputNames } from './structure.ts';
import { Weighted } from './weighted.ts';

export interface FitOptions {
  epochs?: number;
  /** 32 by default; a pipeline has its own. */
  batchSize?: number;
  /** True by default; a pipeline has its own. */
  shuffle?: boolean;
  /** The share of the samples, from the last one back, that is kept to judge by; or other samples for it. */
  validationSplit?: number;
  validationData?: Data;
  callbacks?: readonly Callback[];
  /** One line for each epoch, to the console or to this function. */
  verbose?: boolean | ((line: string) => void);
}

/** Layers with their weights: to be trained, judged, asked, saved, or used as a layer. */
export class Model extends Weighted implements Trainee {
  #compiled: Compiled | undefined;
  #rateName: string | undefined;
  #position: Position = { epoch: 0, batch: 0, step: 0 };
  #busy = false;

  /** Optimizer (adam by default), loss and metrics. The optimizer's state lasts where an earlier one of its kind left some. */
  compile(options: CompileOptions): this {
    const names = outputNames(this.structure);
    const made = this.bound.adjustable(compiled(this.title, names, options));
    this.bound.forget();
    this.#compiled = made.compiled;
    this.#rateName = made.rate;
    return this;
  }

  /** Trains for so many epochs more; resolves with the logs of each. Rejects with `diverged` when a loss is not finite. */
  async fit(data: Data, options: FitOptions = {}): Promise<History> {
    return this.#alone(async () => {
      this.settleBy(inputsOf(this.title, data));
      const { epochs = 1, callbacks = [], verbose = false, ...rest } = options;
      const { train, validation } = this.#parts(data, rest);
      const { pipeline, targets } = train;
      const step = this.bound.step(this.#goals(), this.frozen, targets);
      const trainer = new Trainer(this.session, {
        pipeline,
        loss: step.loss,
        metrics: step.metrics,
        optimizer: { name: 'compiled', minimize: () => step.effects, apply: () => step.effects },
        position: { ...this.#position, batch: 0 },
      });
      try {
        return await loop(this, trainer, {
          epochs,
          callbacks,
          validate: validation && (() => this.#judge(validation)),
          print: verbose === true ? (line) => console.log(line) : verbose || undefined,
        });
      } finally {
        this.#position = trainer.position;
      }
    });
  }

  /** One step on these samples, as one batch. */
  async trainOnBatch(data: Exclude<Data, Pipeline>): Promise<Logs> {
    this.settleBy(inputsOf(this.title, data));
    const [first] = tensorsOf(this.title, 'x', this.bound.inputNames, data.x);
    const batchSize = first?.shape[0] ?? 1;
    const { history } = await this.fit(data, { batchSize, shuffle: false });
    return Object.fromEntries(Object.entries(history).map(([name, [value]]) => [name, value ?? 0]));
  }

  /** The means over all samples of the loss and of what is measured. */
  async evaluate(data: Data, options: Pick<Batching, 'batchSize'> = {}): Promise<Logs> {
    this.settleBy(inputsOf(this.title, data));
    return this.#judge(this.bound.feed(data, options));
  }

  /** What the model gives for samples: of a model with one output. */
  async predict(x: Values | Pipeline, options: Pick<Batching, 'batchSize'> = {}): Promise<Tensor> {
    const all = await this.predictAll(x, options);
    const [only, ...more] = Object.values(all);
    if (only && more.length === 0) return only;
    throw new EngineError(
      'invalid_graph',
      this.title,
      `has ${more.length + 1} outputs; predictAll gives them all`,
    );
  }

  /** What the model gives for samples, by the outputs' names. */
  async predictAll(
    x: Values | Pipeline,
    options: Pick<Batching, 'batchSize'> = {},
  ): Promise<Record<string, Tensor>> {
    this.settleBy(x);
    return this.session.evaluate(this.bound.feedInputs(x, options), this.outputNodes());
  }

  get rateName(): string | undefined {
    return this.#rateName;
  }

  get learningRate(): number {
    return Number(this.session.variables()[this.#rateVariable()]?.data[0]);
  }

  set learningRate(rate: number) {
    if (!(Number.isFinite(rate) && rate >= 0)) {
      throw new EngineError(
        'invalid_attribute',
        this.title,
        'the learning rate must be a finite number of at least 0',
      );
    }
    this.session.assign({ [this.#rateVariable()]: tensor([rate], []) });
  }

  /** Lets data say the shapes of a sequential model that began without an input. */
  protected settleBy(_x: Values | Pipeline): void {}

  #parts(data: Data, options: Omit<FitOptions, 'epochs' | 'callbacks' | 'verbose'>) {
    const { batchSize, shuffle = true, validationSplit, validationData } = options;
    const batching = { batchSize, shuffle, seed: this.options.seed };
    const feed = this.bound.feed.bind(this.bound);
    if (validationSplit === undefined) {
      const validation = validationData && feed(validationData, { batchSize });
      return { train: feed(data, batching), validation };
    }
    if (data instanceof Pipeline || validationData) {
      throw new EngineError(
        'invalid_attribute',
        this.title,
        'validationSplit divides tensors, and stands alone; a pipeline has validationData beside it',
      );
    }
    const [first] = tensorsOf(this.title, 'x', this.bound.inputNames, data.x);
    const [own, kept] = splitRows(this.title, first?.shape[0] ?? 0, validationSplit);
    return {
      train: feed(data, { ...batching, rows: own }),
      validation: feed(data, { batchSize, rows: kept }),
    };
  }

  async #judge({ pipeline, targets }: ReturnType<Bound['feed']>): Promise<Logs> {
    const { loss, metrics } = this.bound.judged(this.#goals(), targets);
    const values = await this.session.evaluate(pipeline, { loss, ...metrics });
    return Object.fromEntries(
      Object.entries(values).map(([name, { data }]) => [
        name,
        rowMean(data as Float32Array, pipeline),
      ]),
    );
  }

  #goals(): Compiled {
    if (this.#compiled) return this.#compiled;
    throw new EngineError('invalid_graph', this.title, 'compile it first');
  }

  #rateVariable(): string {
    if (this.#rateName !== undefined) return `${this.#rateName}/rate`;
    throw new EngineError(
      'invalid_attribute',
      this.title,
      'has no learning rate that can be changed: compile it with an optimizer whose rate is a number',
    );
  }

  async #alone<T>(body: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new EngineError('busy', this.title, 'is being fitted already');
    this.#busy = true;
    try {
      return await body();
    } finally {
      this.#busy = false;
    }
  }
}
