import type { KerasLayer, KerasModel, LayerUse } from './model-config.ts';

/** One application of a layer, counted from 0. */
export interface Step {
  readonly layer: KerasLayer;
  readonly use: LayerUse;
  readonly call: number;
}

/** Applications of layers, each after those that it reads (Kahn, 1962); what is left over reads itself in a circle. */
export function inOrder(model: KerasModel): Step[] {
  const steps = model.layers.flatMap((layer) =>
    layer.uses.map((use, call): Step => ({ layer, use, call })),
  );
  const readers = new Map<string, Step[]>();
  const open = new Map<Step, number>();
  const made = new Set(steps.map(({ layer, call }) => keyOf(layer.name, call)));
  for (const step of steps) {
    const needs = new Set(step.use.inputs.map(({ layer, call }) => keyOf(layer, call)));
    for (const need of needs) {
      if (!made.has(need)) needs.delete(need);
      else readers.set(need, [...(readers.get(need) ?? []), step]);
    }
    open.set(step, needs.size);
  }
  const order = steps.filter((step) => open.get(step) === 0);
  for (const step of order) {
    for (const reader of readers.get(keyOf(step.layer.name, step.call)) ?? []) {
      const left = (open.get(reader) ?? 0) - 1;
      open.set(reader, left);
      if (left === 0) order.push(reader);
    }
  }
  const stuck = steps.find((step) => (open.get(step) ?? 0) > 0);
  if (stuck) stuck.layer.config.fail(`the layer '${stuck.layer.name}' depends on its own result`);
  return order;
}

/** What the results of an application are found by. */
export function keyOf(layer: string, call: number): string {
  return `${call} ${layer}`;
}
