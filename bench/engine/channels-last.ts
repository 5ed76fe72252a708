import type { Tensor } from '@vanda/engine';

/** [N, C, H, W] as [N, H, W, C]. */
export function channelsLast({ shape, data, dtype }: Tensor): Tensor {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  const turned = new Float32Array(data.length);
  for (let i = 0; i < data.length; i += 1) {
    const place = i % (h * w);
    const channel = Math.floor(i / (h * w)) % c;
    const picture = Math.floor(i / (h * w * c));
    turned[(picture * h * w + place) * c + channel] = Number(data[i]);
  }
  return { dtype, shape: [n, h, w, c], data: turned };
}
