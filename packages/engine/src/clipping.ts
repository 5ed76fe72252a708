import { EngineError } from './engine-error.ts';
import type { Node } from './node.ts';

/** At most one of the three; gradients that are sparse stay so under the two norms. */
export interface Clipping {
  /** Scales all gradients down together so that their joint norm is at most this. */
  clipNorm?: number;
  /** Scales each variable's gradient down so that its own norm is at most this. */
  clipVariableNorm?: number;
  /** Cuts each element to -value .. value. */
  clipValue?: number;
}

export function clipped(gradients: readonly Node[], clipping: Clipping): Node[] {
  const { clipNorm, clipVariableNorm, clipValue } = clipping;
  const given = [clipNorm, clipVariableNorm, clipValue].filter((bound) => bound !== undefined);
  if (given.length > 1)
    throw new EngineError('invalid_attribute', 'clipping', 'gradients are clipped in one way only');
  if (given.some((bound) => !(bound > 0)))
    throw new EngineError('invalid_attribute', 'clipping', 'the bound must be above 0');
  if (clipNorm !== undefined) {
    const factor = shrinking(gradients, clipNorm);
    return gradients.map((gradient) => gradient.graph.mul(gradient, factor));
  }
  if (clipVariableNorm !== undefined)
    return gradients.map((gradient) =>
      gradient.graph.mul(gradient, shrinking([gradient], clipVariableNorm)),
    );
  if (clipValue !== undefined)
    return gradients.map((gradient) => gradient.graph.clamp(gradient, -clipValue, clipValue));
  return [...gradients];
}

/** norm / max(norm, the norm that the gradients have). */
function shrinking(gradients: readonly Node[], norm: number): Node {
  const g = (gradients[0] as Node).graph;
  const squares = gradients.map((gradient) => g.sum(g.square(gradient)));
  const total = g.sqrt(squares.reduce((sum, next) => g.add(sum, next)));
  return g.div(norm, g.maximum(total, norm));
}
