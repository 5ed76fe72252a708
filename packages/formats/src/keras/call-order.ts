import { topologicalOrder } from '../topological-order.ts';
import type { KerasLayer, KerasModel, LayerUse } from './model-config.ts';
import { readBy } from './model-config.ts';

/** One application of a layer, counted from 0. */
interface Step {
  readonly layer: KerasLayer;
  readonly use: LayerUse;
  readonly call: number;
}

/** Applications of layers, each after those that it reads. */
export function inOrder(model: KerasModel): Step[] {
  const steps = model.layers.flatMap((layer) =>
    layer.uses.map((use, call): Step => ({ layer, use, call })),
  );
  const { order, stuck } = topologicalOrder(
    steps,
    ({ layer, call }) => keyOf(layer.name, call),
    ({ use }) => readBy(use).map(({ layer, call }) => keyOf(layer, call)),
  );
  if (stuck) stuck.layer.config.fail(`the layer '${stuck.layer.name}' depends on its own result`);
  return order;
}

/** What the results of an application are found by. */
export function keyOf(layer: string, call: number): string {
  return `${call} ${layer}`;
}
