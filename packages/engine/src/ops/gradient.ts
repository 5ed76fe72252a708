import { EngineError } from '../engine-error.ts';
import { GraphCore } from '../graph-core.ts';
import type { Node } from '../node.ts';

/** What has to do with gradients themselves. */
export class GradientOps extends GraphCore {
  /** The same value, through which no gradient flows. */
  stopGradient(x: Node): Node {
    return this.emit('stop_gradient', [x]);
  }

  /**
   * A function with a gradient of its own. `forward` makes the output of the inputs; `backward` is given the gradient that
   * comes to the output and returns one gradient for each input, of its shape (undefined: none). Both are called once, now,
   * and append operations: what `backward` appends is emitted again wherever autodiff passes, so the result goes into
   * plans and files like any other graph, and can be differentiated again when its operations can. What `forward` uses
   * beside its inputs gets no gradient.
   */
  customGradient(
    inputs: readonly Node[],
    forward: (...inputs: readonly Node[]) => Node,
    backward: (
      gradient: Node,
      inputs: readonly Node[],
      output: Node,
    ) => readonly (Node | undefined)[],
  ): Node {
    if (inputs.length < 1 || inputs.length > 32) {
      throw new EngineError('invalid_graph', 'customGradient', 'takes 1 to 32 inputs');
    }
    const output = forward(...inputs);
    const slot = this.emit('gradient_slot', [output]);
    const gradients = backward(slot, inputs, output);
    if (gradients.length !== inputs.length) {
      throw new EngineError(
        'invalid_graph',
        'customGradient',
        `backward gave ${gradients.length} gradients for ${inputs.length} inputs; give undefined where there is none`,
      );
    }
    const complete = gradients.map((gradient, i) => gradient ?? this.zerosLike(inputs[i] as Node));
    return this.emit('custom_gradient', [output, slot, ...inputs, ...complete]);
  }

  zerosLike(x: Node): Node {
    return this.emit('expand_like', [this.constantOf(0, x.dtype, 'zerosLike'), x]);
  }
  onesLike(x: Node): Node {
    return this.emit('expand_like', [this.constantOf(1, x.dtype, 'onesLike'), x]);
  }
}
