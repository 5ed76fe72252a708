import type { Node, Tensor } from '@vanda/engine';
import { readSafetensors } from '@vanda/engine';
import { exportOnnx, importOnnx, OnnxRuntime } from '@vanda/formats';
import { layersRound } from './layers-round.ts';
import { answers } from './network-answers.ts';
import { openNetwork } from './open-network.ts';

/** What one network came to: differences relative to its largest result, so that scale hides nothing. */
export interface NetworkCheck {
  readonly line: string;
  readonly right: boolean;
}

const TOLERANCE = 1e-4;

export async function checkNetwork(path: string): Promise<NetworkCheck> {
  try {
    const { tensors } = await readSafetensors(`${path}.safetensors`);
    const began = performance.now();
    const network = await openNetwork(path);
    const importMs = performance.now() - began;
    const feeds = Object.fromEntries(
      Object.entries(network.inputs).map(([name, node]) => [name, laidLike(tensors[name], node)]),
    );
    const results = await answers(network, feeds);
    const bytes = await exportOnnx(network);
    const runtime = await OnnxRuntime.open(bytes, { threads: 2 });
    const exported = await runtime.run(feeds);
    await runtime.close();
    const again = await answers(await importOnnx(bytes), feeds);
    const layers = await layersRound(network, feeds);
    const differences = {
      import: differenceOf(results, tensors),
      export: differenceOf(exported, results),
      again: differenceOf(again, results),
      ...(typeof layers === 'string'
        ? {}
        : {
            tfjs: differenceOf(layers.exported, results),
            'tfjs again': differenceOf(layers.again, results),
          }),
    };
    const text = Object.entries(differences).map(([what, of]) => `${what} ${of.toExponential(1)}`);
    const right = Object.values(differences).every((difference) => difference < TOLERANCE);
    if (typeof layers === 'string') text.push(layers);
    return { line: `${text.join('  ')}  read in ${importMs.toFixed(0)} ms`, right };
  } catch (error) {
    return { line: error instanceof Error ? error.message : String(error), right: false };
  }
}

function laidLike(value: Tensor | undefined, node: Node): Tensor {
  if (!value) throw new Error(`no value for the input '${node.name}'`);
  const given = node.shape.map((dim, axis) => dim ?? value.shape[axis]);
  return given.join() === value.shape.join() ? value : channelsLast(value);
}

/** The largest difference of any output, relative to the largest number of the expected one. */
function differenceOf(
  results: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, Tensor>>,
): number {
  return Math.max(
    ...Object.entries(results).map(([name, result]) => {
      const given = expected[name];
      if (!given) throw new Error(`no expected value for the output '${name}'`);
      const wanted = given.shape.join() === result.shape.join() ? given : channelsLast(given);
      if (wanted.shape.join() !== result.shape.join()) return Number.POSITIVE_INFINITY;
      let [largest, scale] = [0, 1e-3];
      for (let i = 0; i < result.data.length; i += 1) {
        const difference = Math.abs(Number(result.data[i]) - Number(wanted.data[i]));
        if (!(difference <= largest)) largest = difference;
        scale = Math.max(scale, Math.abs(Number(wanted.data[i])));
      }
      // Two answers of zeros alone agree, whatever the network computes.
      if (wanted.data.every((value) => Number(value) === 0)) {
        throw new Error(`the output '${name}' is zero everywhere: it shows nothing`);
      }
      return largest / scale;
    }),
  );
}

/** [N, C, ...places] -> [N, ...places, C]. */
function channelsLast({ dtype, shape, data }: Tensor): Tensor {
  const [n = 1, c = 1, ...places] = shape;
  const area = places.reduce((product, size) => product * size, 1);
  const moved = Float32Array.from({ length: data.length }, (_, i) => {
    const [channel, rest] = [i % c, Math.floor(i / c)];
    return Number(data[(Math.floor(rest / area) * c + channel) * area + (rest % area)]);
  });
  return { dtype, shape: [n, ...places, c], data: moved };
}
