import type { RetrainModel } from '@vanda/contracts';
import { type Node, nn } from '@vanda/engine';
import { hiddenLayers } from './layers.ts';
import { applyNamed } from './named-places.ts';

export interface Head {
  logits: Node;
  /** As they are served. */
  served: Node;
  /** What its layers compute, by names that the base does not have. */
  places: Record<string, Node>;
}

/**
 * A new head on features [N, width]: hidden layers as the spec says, then one score for each label.
 *
 * @param name Of its scope; heads of one name on features of one width have variables of the same names.
 */
export function applyHead(name: string, model: RetrainModel, classes: number, x: Node): Head {
  const layers = [...hiddenLayers(model, 0), nn.dense(classes)];
  return x.graph.scoped(name, '', () => {
    const logits = nn.sequential(layers).apply(x, { training: true });
    const { result, places } = applyNamed(layers, x);
    const own = Object.entries(places).map(([place, node]) => [`${name}/${place}`, node]);
    return { logits, served: result, places: Object.fromEntries(own) };
  });
}

/** Features as a head takes them, [N, width]: those with places, such as [N, 7, 7, 1280], are averaged over them. */
export function headInput(features: Node): Node {
  const rank = features.shape.length;
  if (rank === 2) return features;
  const layer = rank === 4 ? nn.globalAvgPool() : nn.flatten();
  return layer.apply(features, { training: false });
}

/** A name that begins no variable and no place of the base: a retrained model may be the base of the next one. */
export function headName(taken: Iterable<string>): string {
  const firsts = new Set([...taken].map((name) => name.split('/')[0]));
  for (let count = 1; ; count++) {
    const name = count === 1 ? 'head' : `head_${count}`;
    if (!firsts.has(name)) return name;
  }
}
