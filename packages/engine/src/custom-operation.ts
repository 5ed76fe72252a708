import { EngineError } from './engine-error.ts';
import type { Graph } from './graph.ts';
import type { Operand } from './graph-core.ts';
import { native } from './native.ts';
import { Node } from './node.ts';

/** What a gradient is made of: nodes of a graph of its own, which is all that it may use. */
export interface Pullback<I extends readonly Node[]> {
  readonly inputs: I;
  /** What `forward` gave; `output` is the first. */
  readonly outputs: readonly Node[];
  readonly output: Node;
  /** What comes to each output, undefined where it is no f32; `gradient` is the first. */
  readonly gradients: readonly (Node | undefined)[];
  readonly gradient: Node;
}

export interface OperationDefinition<I extends readonly Node[], R extends Node | readonly Node[]> {
  /** Letters, digits and `_.-/`, a letter first; not that of an operation of the engine. */
  readonly name: string;
  /** Makes the results on a graph of their own. It may use nothing but its inputs: weights and random numbers are given to it. */
  forward(graph: Graph, ...inputs: I): R;
  /** One gradient for each input, of its shape (undefined: none). Without it, the gradient is that of what `forward` made. */
  gradient?(graph: Graph, given: Pullback<I>): readonly (Node | undefined)[];
}

/** A defined operation, called on nodes; a number among them becomes a constant. */
export type CustomOperation<I extends readonly Node[], R> = (
  ...inputs: { [K in keyof I]: Operand }
) => R;

const NAME = /^[A-Za-z][\w./-]{0,127}$/;
const defined = new Map<string, OperationDefinition<Node[], Node | readonly Node[]>>();

/**
 * Registers an operation under a name of its own. Both functions run once for each call and append operations; what they
 * made goes into the graph as one node that holds it, so an artifact with such a node loads where nobody has registered
 * the name, and trains there with the same gradient.
 */
export function defineOperation<I extends readonly Node[], R extends Node | readonly Node[]>(
  definition: OperationDefinition<I, R>,
): CustomOperation<I, R> {
  const { name } = definition;
  if (typeof name !== 'string' || !NAME.test(name)) {
    const text = `the name '${name}' must begin with a letter and hold up to 128 letters, digits and _ . - /`;
    throw new EngineError('invalid_attribute', 'defineOperation', text);
  }
  if (defined.has(name) || native().info().ops.includes(name)) {
    const text = `there is an operation '${name}' already; choose another name`;
    throw new EngineError('invalid_attribute', 'defineOperation', text);
  }
  defined.set(name, definition as unknown as OperationDefinition<Node[], Node | readonly Node[]>);
  return (...inputs) => {
    const operands = inputs as readonly Operand[];
    const node = operands.find((input) => input instanceof Node);
    if (!node) throw new EngineError('invalid_graph', name, 'takes at least one node');
    return node.graph.call<R>(name, ...operands);
  };
}

/** The definition of a name; throws unknown_op. */
export function definitionOf(name: string): OperationDefinition<Node[], Node | readonly Node[]> {
  const found = defined.get(name);
  if (found) return found;
  const text = `no operation '${name}' is defined; defineOperation comes first`;
  throw new EngineError('unknown_op', 'call', text);
}
