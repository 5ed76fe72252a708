import type * as tf from '@tensorflow/tfjs';
import type { Node } from '@vanda/engine';
import { expect, test } from 'vitest';
import { importTfjsLayers } from './layers-model.ts';
import { nsfwjs } from './nsfwjs.fixture.ts';
import { largestDifference, outputsOf, pictures, tensorflow } from './tensorflow.fixture.ts';

const tensorflowJs = await tensorflow();

test.each([
  ['mobilenet_v2', 224],
  ['inception_v3', 299],
])(
  '%s of nsfwjs sees in pictures what TensorFlow.js sees',
  { timeout: 120_000 },
  async (name, size) => {
    const { json, bytes } = await nsfwjs(name);
    const theirs = await tensorflowJs.loadLayersModel(
      tensorflowJs.io.fromMemory({
        modelTopology: json.modelTopology,
        weightSpecs: json.weightsManifest[0].weights,
        weightData: new Uint8Array(bytes).buffer,
      }),
    );
    const x = await pictures(size);
    const network = importTfjsLayers(json, bytes);
    // Chances near 0 and 1 hide what comes before them: the features are compared as well.
    const features = theirs.getLayer('flatten_1').output as tf.SymbolicTensor;
    const both = tensorflowJs.model({
      inputs: theirs.inputs,
      outputs: [theirs.outputs[0] as tf.SymbolicTensor, features],
    });
    const expected = both.predict(
      tensorflowJs.tensor(x.data as Float32Array, [...x.shape]),
    ) as tf.Tensor[];
    const place = network.places.get('flatten_1') as Node;
    const ours = await outputsOf(
      { ...network, outputs: { ...network.outputs, features: place } },
      { input_1: x },
    );
    for (const [i, output] of Object.values(ours).entries()) {
      expect(output.shape).toEqual(expected[i]?.shape);
      const difference = largestDifference(output.data, (await expected[i]?.data()) ?? []);
      expect(difference).toBeLessThan(1e-4);
    }
  },
);
