import type { Artifact } from '@vanda/engine/serving';
import type { ArtifactExtra } from '../artifact.ts';
import { classPredictions } from '../class-predictions.ts';
import type { Prediction, Predictor } from '../prediction.ts';
import { RowEncoder, tableFeeds } from './encode.ts';
import { parseRow } from './parse-instance.ts';
import type { TablePreprocessing } from './preprocessing.ts';

/** Rows that run at once; a larger request runs in parts, so that its memory has a bound. */
const rowsAtOnce = 1024;

export function tablePredictor(artifact: Artifact, extra: ArtifactExtra): Predictor {
  const preprocessing: TablePreprocessing = extra.preprocessing ?? { features: [] };
  const encoder = new RowEncoder(preprocessing);
  const { output } = extra.signature;

  const run = async (rows: ReturnType<typeof parseRow>[]): Promise<Prediction[]> => {
    const encoded = encoder.allocate(rows.length);
    rows.forEach((row, index) => {
      row.forEach((value, feature) => {
        encoder.encode(feature, value, index, encoded);
      });
    });
    const results = await artifact.run('predict', tableFeeds(encoder, encoded, rows.length));
    if (output.kind === 'classes') {
      return classPredictions(results.scores?.data as Float32Array, output.labels);
    }
    const { mean, deviation } = extra.targetScale ?? { mean: 0, deviation: 1 };
    return Array.from(results.value?.data as Float32Array, (value) => value * deviation + mean);
  };

  return {
    signature: extra.signature,
    warm: async () => {
      await run([preprocessing.features.map(() => null)]);
    },
    predict: async (instances) => {
      const rows = instances.map((instance, index) => parseRow(preprocessing, instance, index));
      const predictions: Prediction[] = [];
      for (let from = 0; from < rows.length; from += rowsAtOnce) {
        predictions.push(...(await run(rows.slice(from, from + rowsAtOnce))));
      }
      return predictions;
    },
    close: () => artifact.close(),
  };
}
