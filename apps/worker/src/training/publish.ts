import { join } from 'node:path';
import type { TrainingResult } from '@vanda/estimators';
import { keyLayout, type ObjectStore } from '@vanda/objects';
import { newId, type ObjectFacts, type TrainedModel } from '@vanda/records';
import { writeArchive } from './model-archive.ts';

/**
 * Brings what a training left into the object store, under the id that its version will have. Nothing names these
 * objects until success is written down; a crash before that leaves bytes that the reaper frees.
 */
export async function publish(
  objects: ObjectStore,
  job: { jobId: string; workDir: string; engineVersion: string },
  result: TrainingResult,
): Promise<TrainedModel> {
  const versionId = newId('mdv');
  const put = async (key: string, path: string): Promise<ObjectFacts> => {
    const stored = await objects.putFile(key, path);
    return { key, sha256: stored.sha256, bytes: stored.size };
  };
  const { predictions } = result;
  const graphPath = join(result.artifact, 'model.json');
  const weightsPath = join(result.artifact, 'weights.safetensors');
  const archivePath = join(job.workDir, `${versionId}.vanda`);
  await writeArchive(archivePath, [
    { name: 'model.json', path: graphPath },
    { name: 'weights.safetensors', path: weightsPath },
  ]);
  return {
    versionId,
    graph: await put(keyLayout.modelFile(versionId, 'model.json'), graphPath),
    weights: await put(keyLayout.modelFile(versionId, 'weights.safetensors'), weightsPath),
    archive: await put(keyLayout.modelFile(versionId, 'model.vanda'), archivePath),
    // Its key carries the version too: a try that died in between must not be overwritten under a live name.
    splits: await put(keyLayout.jobFile(job.jobId, `splits-${versionId}.parquet`), result.splits),
    predictions:
      predictions === null
        ? null
        : {
            items: predictions.items,
            parquet: await put(
              keyLayout.modelFile(versionId, 'predictions.parquet'),
              predictions.parquet,
            ),
            testItems: await put(
              keyLayout.modelFile(versionId, 'test-items.bin'),
              predictions.testItems,
            ),
          },
    engineVersion: job.engineVersion,
    signature: result.signature,
    metrics: result.metrics,
    warnings: result.warnings,
    bestEpoch: result.bestEpoch,
  };
}
