import { loadArtifact } from '@vanda/engine/serving';
import { readExtra } from './artifact.ts';
import { picturePredictor } from './image-classification/predictor.ts';
import type { Predictor } from './prediction.ts';
import { tablePredictor } from './table/predictor.ts';
import { tensorPredictor } from './tensors/predictor.ts';

/**
 * Loads an artifact (model.json and weights.safetensors) for serving.
 *
 * @throws VandaError 'bad-data', or EngineError where the files are not readable.
 */
export async function loadPredictor(
  artifactFolder: string,
  options: { threads: number },
): Promise<Predictor> {
  const artifact = await loadArtifact(artifactFolder, options);
  try {
    const extra = readExtra(artifact.extra);
    switch (extra.signature.input.kind) {
      case 'picture':
        return picturePredictor(artifact, extra);
      case 'tensors':
        return tensorPredictor(artifact, extra);
      case 'row':
        return tablePredictor(artifact, extra);
    }
  } catch (error) {
    artifact.close();
    throw error;
  }
}
