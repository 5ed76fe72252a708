import type { Call } from '../call.ts';
import { channelsLast } from '../dims.ts';

/** The sizes of what is convolved, behind the batch and the channels. */
export function spatialDims(call: Call): number[] {
  return call
    .dims(0)
    .slice(2)
    .map((dim) => (typeof dim === 'number' ? dim : call.refuse('the batch must be its first dim')));
}

/** Kernels are [O, C / groups, ...places] in ONNX and [...places, C / groups, O] in the engine. */
export function kernelOrder(rank: number): number[] {
  return [...channelsLast(rank).slice(1, -1), 1, 0];
}

/** The kernel's places, checked against what the node says of them. */
export function kernelSize(call: Call, rank: number): number[] {
  const dims = call.dims(1);
  if (dims.length !== rank) call.refuse(`its kernel has ${dims.length} dims, not ${rank}`, 'W');
  const size = dims
    .slice(2)
    .map((dim) => (typeof dim === 'number' ? dim : call.refuse('its kernel has an open dim', 'W')));
  const said = call.attributes.ints('kernel_shape', size);
  if (said.join() !== size.join()) {
    call.refuse(
      `says [${said.join(', ')}], and the kernel is [${size.join(', ')}]`,
      'kernel_shape',
    );
  }
  return size;
}
