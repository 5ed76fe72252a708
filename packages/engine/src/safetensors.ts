import { native } from './native.ts';
import type { Tensor } from './tensor.ts';
import { namedTensors, toNative } from './tensor.ts';

/** Atomic: whoever opens the path sees the old file or the new one, whole. */
export async function writeSafetensors(
  path: string,
  tensors: Record<string, Tensor>,
  metadata: Record<string, string> = {},
): Promise<void> {
  const list = Object.entries(tensors).map(([name, value]) => toNative(name, value));
  await native().writeSafetensors(path, list, metadata);
}

/** Bounded by the file's true size; a file that is not what it says is refused with `corrupt_file`. */
export async function readSafetensors(
  path: string,
): Promise<{ tensors: Record<string, Tensor>; metadata: Record<string, string> }> {
  const content = await native().readSafetensors(path);
  return { tensors: namedTensors(content.tensors), metadata: content.metadata };
}
