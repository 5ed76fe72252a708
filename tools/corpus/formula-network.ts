import type { Tensor } from '@vanda/engine';
import { tensor } from '@vanda/engine';

/** The picture of efficientnet_lite0_goldens.py: [1, 224, 224, 3] of (pixel - 127) / 128. */
export function formulaPicture(): Tensor {
  const pixels = new Float32Array(224 * 224 * 3);
  for (let y = 0, i = 0; y < 224; y += 1)
    for (let x = 0; x < 224; x += 1)
      for (let c = 0; c < 3; c += 1, i += 1)
        pixels[i] = (((3 * y + 5 * x + 7 * c + ((y * x) % 50)) % 256) - 127) / 128;
  return tensor(pixels, [1, 224, 224, 3]);
}

/** Its weights by formula, for a table of names and shapes. */
export function formulaWeights(shapes: Record<string, number[]>): Record<string, Tensor> {
  const names = Object.keys(shapes).sort();
  return Object.fromEntries(
    names.map((name, k) => [name, weightOf(name, shapes[name] as number[], k)]),
  );
}

function weightOf(name: string, shape: number[], k: number): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const scale = Math.sqrt(6 / (count / (shape[0] as number)));
  const values = Float32Array.from({ length: count }, (_, i) => {
    const value = (((i * i * 31 + i * 7919 + k * 104_729) % 2001) - 1000) / 1000;
    if (name.endsWith('running_var')) return 1 + value / 2;
    if (shape.length === 1) return value / 10 + (name.endsWith('weight') ? 1 : 0);
    return value * scale;
  });
  return tensor(values, shape);
}
