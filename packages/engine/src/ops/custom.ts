import type { OperationDefinition } from '../custom-operation.ts';
import { definitionOf } from '../custom-operation.ts';
import { EngineError } from '../engine-error.ts';
import type { Graph } from '../graph.ts';
import type { Operand } from '../graph-core.ts';
import { Node } from '../node.ts';
import { ControlOps } from './control.ts';

type Definition = OperationDefinition<Node[], Node | readonly Node[]>;

/** Operations that a program defined, see defineOperation. */
export class CustomOps extends ControlOps {
  /**
   * Appends a defined operation by its name; numbers become constants. Gives what its `forward` gives: a node, or a list of
   * them (`call<Node[]>`). Throws unknown_op for a name that is not defined.
   */
  call<R extends Node | readonly Node[] = Node>(name: string, ...inputs: readonly Operand[]): R {
    const definition = definitionOf(name);
    const nodes = inputs.map((input) => this.operand(input));
    this.refs(nodes);
    const forward = within(name, 'forward', () => this.#forward(definition, nodes));
    const bodies = [forward.outputs];
    const differentiable = nodes.some((node) => node.dtype === 'f32');
    if (definition.gradient && differentiable) {
      bodies.push(within(name, 'gradient', () => this.#gradient(definition, nodes, bodies[0])));
    }
    const made = this.emitBodies('call', nodes, { operation: name }, bodies);
    return (forward.single ? made[0] : made) as R;
  }

  #forward(definition: Definition, nodes: readonly Node[]) {
    const { graph, inputs } = this.openBody(nodes);
    const made: unknown = definition.forward(graph, ...inputs);
    const outputs = Array.isArray(made) ? (made as Node[]) : [made as Node];
    if (outputs.length === 0 || outputs.some((node) => !(node instanceof Node))) {
      throw new EngineError('invalid_graph', '', 'must give a node, or a list of nodes');
    }
    requireOwn(graph, outputs);
    return { outputs, single: !Array.isArray(made) };
  }

  #gradient(definition: Definition, nodes: readonly Node[], results: readonly Node[] = []): Node[] {
    const floats = results.filter((node) => node.dtype === 'f32');
    const body = this.openBody([...nodes, ...results, ...floats]);
    const inputs = body.inputs.slice(0, nodes.length);
    const outputs = body.inputs.slice(nodes.length, nodes.length + results.length);
    const coming = body.inputs.slice(nodes.length + results.length);
    const gradients = results.map((node) => (node.dtype === 'f32' ? coming.shift() : undefined));
    const made = definition.gradient?.(body.graph, {
      inputs,
      outputs,
      output: outputs[0] as Node,
      gradients,
      gradient: gradients[0] as Node,
    });
    if (!Array.isArray(made) || made.length !== nodes.length) {
      const text = `must give a list of ${nodes.length}, one for each input, with undefined where there is none`;
      throw new EngineError('invalid_graph', '', text);
    }
    const wanted = inputs.flatMap((input, i) =>
      input.dtype === 'f32' ? [(made[i] as Node | undefined) ?? body.graph.zerosLike(input)] : [],
    );
    requireOwn(body.graph, wanted);
    return wanted;
  }
}

function requireOwn(graph: Graph, nodes: readonly Node[]): void {
  if (nodes.every((node) => node.graph === graph)) return;
  const text = 'may use its inputs alone; what else it needs is to be one of them';
  throw new EngineError('invalid_graph', '', text);
}

/** Errors say which operation, which of its functions, and what did not fit there. */
function within<T>(name: string, part: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(
      error.code,
      name,
      `${part} ${error.op === '' ? '' : 'at '}${error.message}`,
    );
  }
}
