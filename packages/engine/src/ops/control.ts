import { EngineError } from '../engine-error.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';
import type { Dim, DType } from '../tensor.ts';
import { DetectionOps } from './detection.ts';

/** What a body sees of one step: nodes of a graph of its own, which is all that it may use. */
export interface Step {
  readonly graph: Graph;
  readonly states: readonly Node[];
  /** Element t of each sequence. */
  readonly elements: readonly Node[];
  readonly shared: readonly Node[];
}
export interface ScanInputs {
  /** Where the states begin. */
  states: readonly Node[];
  /** [T, ...] each. */
  sequences?: readonly Node[];
  /** What every step may read: weights, constants, anything of the outer graph. */
  shared?: readonly Node[];
  /** How many steps there are, where there is no sequence. */
  steps?: number;
  /** From the last element to the first; results stay at their places. */
  reverse?: boolean;
}
export interface LoopInputs {
  states: readonly Node[];
  shared?: readonly Node[];
  /** After so many steps the loop ends whatever the condition says; its gradient keeps the states of as many. */
  stepsMax: number;
}

/**
 * Control flow inside the graph. Each takes functions that are called once, now, on a graph of their own; they may use
 * only what they are given, and have gradients of any order.
 */
export class ControlOps extends DetectionOps {
  /**
   * Runs a body step after step: `body` makes the states for the next step, and results that are laid side by side along a
   * new first axis -> the states after the last step, and the results [T, ...].
   */
  scan(
    inputs: ScanInputs,
    body: (step: Step) => { states: readonly Node[]; results?: readonly Node[] },
  ): { states: Node[]; results: Node[] } {
    const { states, sequences = [], shared = [], steps = 0, reverse = false } = inputs;
    const step = this.#step(states, sequences, shared);
    const made = body(step);
    const results = made.results ?? [];
    requireStates('scan', states, made.states);
    const outputs = this.#emitBodies(
      'scan',
      [...states, ...sequences, ...shared],
      { states: states.length, sequences: sequences.length, length: steps, reverse },
      [[...made.states, ...results]],
    );
    return {
      states: outputs.slice(0, states.length),
      results: outputs.slice(states.length, states.length + results.length),
    };
  }

  /**
   * Repeats a body on the states while a condition on them, a bool scalar, holds -> the states then, and how often it ran
   * (i32). The gradient goes back through as many steps as there were.
   */
  whileLoop(
    inputs: LoopInputs,
    condition: (step: Step) => Node,
    body: (step: Step) => readonly Node[],
  ): { states: Node[]; count: Node } {
    const { states, shared = [], stepsMax } = inputs;
    const step = this.#step(states, [], shared);
    const made = body(step);
    requireStates('whileLoop', states, made);
    const outputs = this.#emitBodies(
      'scan',
      [...states, ...shared],
      { states: states.length, sequences: 0, length: stepsMax, conditional: true },
      [[condition(step), ...made]],
    );
    return { states: outputs.slice(0, states.length), count: outputs.at(-1) as Node };
  }

  /** What `yes` makes of the inputs where the predicate, a bool scalar, is true, else what `no` makes of them; only one runs. */
  cond(
    predicate: Node,
    inputs: readonly Node[],
    yes: (graph: Graph, ...inputs: readonly Node[]) => readonly Node[],
    no: (graph: Graph, ...inputs: readonly Node[]) => readonly Node[],
  ): Node[] {
    const bodies = [yes, no].map((branch) => {
      const { graph, shared } = this.#step([], [], inputs);
      return branch(graph, ...shared);
    });
    return this.#emitBodies('cond', [predicate, ...inputs], {}, bodies);
  }

  #emitBodies(...[op, inputs, attributes, bodies]: Parameters<ControlOps['emitBodies']>): Node[] {
    if (bodies.some((outputs) => outputs.length === 0)) {
      throw new EngineError('invalid_graph', op, 'a body must give at least one value');
    }
    return this.emitBodies(op, inputs, attributes, bodies);
  }

  #step(states: readonly Node[], sequences: readonly Node[], shared: readonly Node[]): Step {
    this.refs([...states, ...sequences, ...shared]);
    const elements = sequences.map(({ dtype, shape }) => ({ dtype, shape: shape.slice(1) }));
    const { graph, inputs } = this.openBody([...states, ...elements, ...shared]);
    const first = states.length + sequences.length;
    return {
      graph,
      states: inputs.slice(0, states.length),
      elements: inputs.slice(states.length, first),
      shared: inputs.slice(first),
    };
  }

  /** A graph of its own for a body, with a placeholder for each input. */
  protected openBody(inputs: readonly { shape: readonly Dim[]; dtype: DType }[]): {
    graph: Graph;
    inputs: Node[];
  } {
    const graph = new (this.constructor as new () => Graph)();
    return {
      graph,
      inputs: inputs.map(({ shape, dtype }, i) => graph.placeholder(`p${i}`, shape, dtype)),
    };
  }
}

function requireStates(op: string, before: readonly Node[], after: readonly Node[]): void {
  if (before.length === after.length) return;
  const text = `the body gives ${after.length} states for ${before.length}`;
  throw new EngineError('invalid_graph', op, text);
}
