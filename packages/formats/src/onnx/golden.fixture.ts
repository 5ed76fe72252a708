import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Node, Tensor } from '@vanda/engine';
import { channelsLast } from './dims.ts';
import { permuted } from './permute.ts';

const folder = new URL('./goldens/', import.meta.url);

/** Small networks that torch made, each with an input and what torch gives for it. */
export function goldenNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => file.slice(0, -'.onnx'.length));
}

export function goldenPath(file: string): string {
  return fileURLToPath(new URL(file, folder));
}

/** A tensor of torch as the imported network takes it: pictures channels-last. */
export function laidLike(value: Tensor, node: Node): Tensor {
  return laidOut(value, {
    ...value,
    shape: node.shape.map((dim, axis) => dim ?? value.shape[axis] ?? 1),
  });
}

/** A tensor of torch in the order of a tensor of ours, where their shapes say that it is another one. */
export function laidOut(value: Tensor, like: Tensor): Tensor {
  if (value.shape.join() === like.shape.join()) return value;
  const order = channelsLast(value.shape.length);
  const shape = order.map((axis) => value.shape[axis] ?? 1);
  return { ...value, shape, data: permuted(value.data, value.shape, order) };
}

export function largestDifference(a: Tensor, b: Tensor): number {
  if (a.shape.join() !== b.shape.join()) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [i, value] of Array.from(a.data as Float32Array).entries()) {
    const difference = Math.abs(Number(value) - Number(b.data[i]));
    largest = difference > largest || Number.isNaN(difference) ? difference : largest;
  }
  return largest;
}
