import { EngineError } from '../engine-error.ts';
import type { VariableInfo } from '../graph-core.ts';
import type { Node } from '../node.ts';
import { Pipeline } from '../pipeline.ts';
import { reduceOnPlateau } from '../plateau.ts';
import type { Dim, DType } from '../tensor.ts';
import type { Compiled } from './compile.ts';
import type { Batching, Data } from './data.ts';
import { checkFit, pipelineOf, tensorsOf, type Values } from './data.ts';
import type { Home } from './home.ts';
import type { Objective } from './objective.ts';
import { objectiveOf } from './objective.ts';
import { replay } from './replay.ts';
import type { Structure } from './structure.ts';
import { outputNames } from './structure.ts';
import type { AnyLayer } from './symbol.ts';
import { leaves } from './weights.ts';

interface TargetType {
  readonly shape: readonly Dim[];
  readonly dtype: DType;
}

/** A model in its home: the nodes that compute it, made once for each way in which it is used. */
export class Bound {
  readonly home: Home;
  readonly inputs: readonly Node[];
  readonly outputs: readonly Node[];
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly #model: string;
  readonly #structure: Structure;
  readonly #targets = new Map<string, Node>();
  readonly #steps = new Map<string, Objective & { effects: number[] }>();
  readonly #judged = new Map<string, Objective>();

  constructor(model: string, structure: Structure, home: Home) {
    this.#model = model;
    this.#structure = structure;
    this.home = home;
    this.inputNames = structure.entries.filter((entry) => !entry.layer).map((entry) => entry.name);
    this.outputNames = outputNames(structure);
    this.inputs = structure.inputs.map((symbol, i) =>
      home.place(symbol, this.inputNames[i] as string),
    );
    const still = { home, training: false, resting: new Set<AnyLayer>() };
    this.outputs = replay(structure, this.inputs, still);
  }

  /** Every weight of the model, once. */
  get variables(): VariableInfo[] {
    return [...leaves(this.#structure).keys()].flatMap((layer) => this.home.variablesOf(layer));
  }

  /** Variables that a fit changes: trainable, in no layer that rests, and not frozen by name. */
  trained(frozen: ReadonlySet<string>): VariableInfo[] {
    return [...leaves(this.#structure)]
      .filter(([, rests]) => !rests)
      .flatMap(([layer]) => this.home.variablesOf(layer))
      .filter((info) => info.trainable && !frozen.has(info.name));
  }

  /** The training step; made once for each choice of variables and each type of targets. */
  step(compiled: Compiled, frozen: ReadonlySet<string>, targets: readonly Node[]) {
    const variables = this.trained(frozen);
    if (variables.length === 0) {
      throw new EngineError(
        'invalid_graph',
        this.#model,
        'there is nothing to train: every layer is frozen or without weights; unfreeze some',
      );
    }
    const key = [...targets, ...variables].map((of) => of.name).join();
    const known = this.#steps.get(key);
    if (known) return known;
    const { home } = this;
    const names = new Set(variables.map((info) => info.name));
    const resting = new Set(
      [...leaves(this.#structure).keys()].filter((layer) =>
        home.variablesOf(layer).every((info) => !names.has(info.name)),
      ),
    );
    const before = home.graph.updates.length;
    const predictions = replay(this.#structure, this.inputs, { home, training: true, resting });
    const updates = home.graph.updates.splice(before);
    const objective = objectiveOf(compiled.goals, predictions, targets);
    const nodes = variables.map((info) => info.node);
    const effects = [...compiled.optimizer.minimize(objective.loss, nodes), ...updates];
    const made = { ...objective, effects };
    this.#steps.set(key, made);
    return made;
  }

  /** Loss and metrics outside training. */
  judged(compiled: Compiled, targets: readonly Node[]): Objective {
    const key = targets.map((of) => of.name).join();
    const made = this.#judged.get(key) ?? objectiveOf(compiled.goals, this.outputs, targets);
    this.#judged.set(key, made);
    return made;
  }

  /** After another compile: steps and losses are made anew. */
  forget(): void {
    this.#steps.clear();
    this.#judged.clear();
  }

  /** An optimizer whose rate is a number gets it as a variable, which callbacks can change; gives its name, too. */
  adjustable(compiled: Compiled): { compiled: Compiled; rate?: string } {
    const { learningRate, withRate } = compiled.optimizer;
    if (typeof learningRate !== 'number' || !withRate) return { compiled };
    const name = this.home.graph.layerName('fit');
    const { schedule } = reduceOnPlateau(learningRate, { name });
    schedule(this.home.graph.step());
    const optimizer = withRate(schedule);
    return { compiled: { ...compiled, optimizer }, rate: name };
  }

  /** Batches of samples, and the placeholders that stand for their targets. */
  feed(data: Data, batching: Batching): { pipeline: Pipeline; targets: Node[] } {
    if (data instanceof Pipeline) return this.#piped(data);
    const ys = tensorsOf(this.#model, 'y', this.outputNames, data.y);
    const targets = ys.map((y, i) => {
      const shape = [null, ...y.shape.slice(1)];
      return this.#target(i, { dtype: y.dtype, shape });
    });
    const columns = targets.map((node, i) => [node.name, ys[i] as (typeof ys)[0]] as const);
    const pipeline = pipelineOf(this.#model, [...this.#fed(data.x), ...columns], batching);
    return { pipeline, targets };
  }

  /** Batches of inputs alone. */
  feedInputs(x: Values | Pipeline, batching: Batching): Pipeline {
    return x instanceof Pipeline ? x : pipelineOf(this.#model, this.#fed(x), batching);
  }

  #fed(x: Values) {
    return tensorsOf(this.#model, 'x', this.inputNames, x).map((value, i) => {
      const node = this.inputs[i] as Node;
      checkFit(this.inputNames[i] as string, 'input', node, value);
      return [node.name, value] as const;
    });
  }

  #piped(pipeline: Pipeline): { pipeline: Pipeline; targets: Node[] } {
    const targets = this.outputNames.map((_, i) => {
      const type = pipeline.types[this.#targetName(i)];
      return type && this.#target(i, { dtype: type.dtype, shape: [null, ...type.shape] });
    });
    const needed = [...this.inputs, ...targets].map((node, i) => {
      return node?.name ?? this.#targetName(i - this.inputs.length);
    });
    const missing = needed.find((name) => !(name in pipeline.types));
    if (missing !== undefined) {
      throw new EngineError(
        'invalid_feed',
        this.#model,
        `the pipeline has no column '${missing}'; it needs [${needed.join(', ')}]`,
      );
    }
    return { pipeline, targets: targets as Node[] };
  }

  #targetName(output: number): string {
    return this.outputNames.length === 1 ? 'y' : `y/${this.outputNames[output]}`;
  }

  #target(output: number, type: TargetType): Node {
    const key = `${output} ${type.dtype} ${type.shape.join()}`;
    const known = this.#targets.get(key);
    if (known) return known;
    const made = this.home.column(this.#targetName(output), type);
    this.#targets.set(key, made);
    return made;
  }
}
