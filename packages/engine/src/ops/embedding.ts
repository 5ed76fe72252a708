import type { Node } from '../node.ts';
import { RandomOps } from './random.ts';

/** Rows of tables by their numbers. */
export class EmbeddingOps extends RandomOps {
  /** Embedding lookup: table [V, ...], indices [...] -> [..., ...]. */
  gather(table: Node, indices: Node): Node {
    return this.emit('gather', [table, indices]);
  }
}
