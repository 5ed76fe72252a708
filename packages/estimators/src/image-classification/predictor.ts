import { VandaError } from '@vanda/contracts';
import { type Artifact, tensor } from '@vanda/engine/serving';
import type { ArtifactExtra } from '../artifact.ts';
import { classPredictions } from '../class-predictions.ts';
import { decodePicture } from '../pictures/decode-picture.ts';
import type { Prediction, Predictor } from '../prediction.ts';
import { tensorPredictions } from '../tensors/tensor-predictions.ts';
import { parsePicture, pictureRefusal } from './parse-picture.ts';

/** Pictures that are decoded and run at once; a larger request runs in parts. */
const picturesMax = 64;

export function picturePredictor(artifact: Artifact, extra: ArtifactExtra): Predictor {
  const { input, output } = extra.signature;
  if (input.kind !== 'picture' || output.kind === 'number') {
    throw new VandaError('bad-data', 'model.json is not a model of pictures.');
  }
  const { size, channels } = input;
  const pictureBytes = size * size * channels;
  const picturesAtOnce = extra.batched === false ? 1 : picturesMax;

  const decode = async (instance: unknown, index: number): Promise<Uint8Array> => {
    const picture = parsePicture(instance, index);
    try {
      return await decodePicture(picture, { size, channels });
    } catch (error) {
      if (!(error instanceof VandaError)) throw error;
      throw pictureRefusal(index, `: ${error.message.replace(/\.$/, '')}`);
    }
  };
  const run = async (pixels: Uint8Array, count: number): Promise<Prediction[]> => {
    const image = tensor(pixels, [count, size, size, channels]);
    const results = await artifact.run('predict', { image });
    return output.kind === 'classes'
      ? classPredictions(results.scores?.data as Float32Array, output.labels)
      : tensorPredictions(results, output.tensors, count);
  };

  return {
    signature: extra.signature,
    warm: async () => {
      await run(new Uint8Array(pictureBytes), 1);
    },
    predict: async (instances) => {
      const predictions: Prediction[] = [];
      for (let from = 0; from < instances.length; from += picturesAtOnce) {
        const part = instances.slice(from, from + picturesAtOnce);
        const decoded = await Promise.all(part.map((one, at) => decode(one, from + at)));
        const pixels = new Uint8Array(decoded.length * pictureBytes);
        for (const [at, picture] of decoded.entries()) pixels.set(picture, at * pictureBytes);
        predictions.push(...(await run(pixels, decoded.length)));
      }
      return predictions;
    },
    close: () => artifact.close(),
  };
}
