import { saveArtifact } from '../artifact.ts';
import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { Pipeline } from '../pipeline.ts';
import { readSafetensors, writeSafetensors } from '../safetensors.ts';
import type { NamePattern } from '../selection.ts';
import type { Session } from '../session.ts';
import type { Tensor } from '../tensor.ts';
import { tensor } from '../tensor.ts';
import type { Position } from '../trainer.ts';
import { Trainer } from '../trainer.ts';
import { Architecture } from './architecture.ts';
import { Bound } from './bound.ts';
import type { Compiled, CompileOptions } from './compile.ts';
import { compiled } from './compile.ts';
import type { Batching, Data, Values } from './data.ts';
import { rowMean, splitRows, tensorsOf } from './data.ts';
import { loop } from './fit.ts';
import { matchVariables } from './freezing.ts';
import { homeOf, nameLayers } from './home.ts';
import type { Callback, History, Logs, Trainee } from './run.ts';
import type { Structure } from './structure.ts';
import { outputNames } from './structure.ts';
import type { AnyLayer } from './symbol.ts';

export interface ModelOptions {
  name?: string;
  /** What initial weights, shuffling and dropout follow from, 0 by default. */
  seed?: number;
  /** The size of the team that runs the model; all cores by default. */
  threads?: number;
}

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
export class Model extends Architecture implements Trainee {
  readonly #options: ModelOptions;
  readonly #frozen = new Set<string>();
  #bound: Bound | undefined;
  #compiled: Compiled | undefined;
  #rateName: string | undefined;
  #position: Position = { epoch: 0, batch: 0, step: 0 };
  #busy = false;

  constructor(kind: 'model' | 'sequential', options: ModelOptions, structure?: Structure) {
    super(kind, options.name);
    this.#options = options;
    if (structure) this.shape(structure);
  }

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
      this.settleBy(data instanceof Pipeline ? data : data.x);
      const { epochs = 1, callbacks = [], verbose = false, ...rest } = options;
      const { train, validation } = this.#parts(data, rest);
      const { pipeline, targets } = train;
      const step = this.bound.step(this.#goals(), this.#frozen, targets);
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
    this.settleBy(data.x);
    const [first] = tensorsOf(this.title, 'x', this.bound.inputNames, data.x);
    const batchSize = first?.shape[0] ?? 1;
    const { history } = await this.fit(data, { batchSize, shuffle: false });
    return Object.fromEntries(Object.entries(history).map(([name, [value]]) => [name, value ?? 0]));
  }

  /** The means over all samples of the loss and of what is measured. */
  async evaluate(data: Data, options: Pick<Batching, 'batchSize'> = {}): Promise<Logs> {
    this.settleBy(data instanceof Pipeline ? data : data.x);
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
    return this.session.evaluate(this.bound.feedInputs(x, options), this.#outputs());
  }

  /** All weights by their names, as copies. */
  getWeights(): Record<string, Tensor> {
    const all = this.session.variables();
    return Object.fromEntries(this.bound.variables.map(({ name }) => [name, all[name] as Tensor]));
  }

  /** Some weights or all, by their names. */
  setWeights(weights: Record<string, Tensor>): void {
    const known = new Map(this.bound.variables.map((info) => [info.name, info]));
    for (const [name, { shape, dtype }] of Object.entries(weights)) {
      const info = known.get(name);
      if (!info) throw new EngineError('unknown_name', this.title, `there is no weight '${name}'`);
      if (info.shape.join() !== shape.join() || info.dtype !== dtype) {
        throw new EngineError(
          'shape_mismatch',
          this.title,
          `the weight '${name}' is ${info.dtype} [${info.shape.join(', ')}], not ${dtype} [${shape.join(', ')}]`,
        );
      }
    }
    this.session.assign(weights);
  }

  /** A safetensors file. */
  saveWeights(file: string): Promise<void> {
    return writeSafetensors(file, this.getWeights());
  }

  /** From a file of saveWeights, or `weights.safetensors` of what save wrote. */
  async loadWeights(file: string): Promise<void> {
    const { tensors } = await readSafetensors(file);
    const missing = this.bound.variables.find(({ name }) => !(name in tensors));
    if (missing) {
      throw new EngineError(
        'corrupt_file',
        file,
        `the weight '${missing.name}' is missing; are they those of another model?`,
      );
    }
    this.setWeights(tensors);
  }

  /** An artifact with the signature `predict`, for loadArtifact. */
  save(dir: string, extra?: unknown): Promise<void> {
    const { inputNames, inputs } = this.bound;
    const named = Object.fromEntries(inputNames.map((name, i) => [name, inputs[i] as Node]));
    const signatures = { predict: { inputs: named, outputs: this.#outputs() } };
    return saveArtifact(dir, { session: this.session, signatures, extra });
  }

  /** Keeps variables as they are, by patterns of their names or of those of their layers; gives the variables' names. */
  freeze(...patterns: NamePattern[]): string[] {
    const names = matchVariables(this.title, this.structure, this.bound, patterns);
    for (const name of names) this.#frozen.add(name);
    return names;
  }

  /** The other way round; without a pattern, all that were frozen so. */
  unfreeze(...patterns: NamePattern[]): string[] {
    const all = [...this.#frozen];
    const names =
      patterns.length === 0
        ? all
        : matchVariables(this.title, this.structure, this.bound, patterns);
    for (const name of names) this.#frozen.delete(name);
    return names;
  }

  /** Where the weights are. */
  get session(): Session {
    return this.bound.home.session;
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

  protected get bound(): Bound {
    if (!this.#bound) {
      const home = homeOf(this.title, this.structure, this.#options);
      this.#bound = new Bound(this.title, this.structure, home);
    }
    return this.#bound;
  }

  protected shape(structure: Structure): void {
    this.shaped = structure;
    nameLayers(structure, this.name === undefined ? '' : `${this.name}/`);
  }

  /** Lets data say the shapes of a sequential model that began without an input. */
  protected settleBy(_x: Values | Pipeline): void {}

  protected override frozenWeight(layer: AnyLayer, weight: string): boolean {
    if (this.#frozen.size === 0) return false;
    const path = this.bound.home.path(layer);
    return this.#frozen.has(`${path}/${weight}`);
  }

  #parts(data: Data, options: Omit<FitOptions, 'epochs' | 'callbacks' | 'verbose'>) {
    const { batchSize, shuffle = true, validationSplit, validationData } = options;
    const batching = { batchSize, shuffle, seed: this.#options.seed };
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

  #outputs(): Record<string, Node> {
    const { outputNames, outputs } = this.bound;
    return Object.fromEntries(outputNames.map((name, i) => [name, outputs[i] as Node]));
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
