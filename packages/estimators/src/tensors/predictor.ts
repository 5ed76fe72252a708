import { type TensorField, VandaError } from '@vanda/contracts';
import { type Artifact, EngineError, type Feeds, tensor } from '@vanda/engine/serving';
import type { ArtifactExtra } from '../artifact.ts';
import type { Prediction, Predictor } from '../prediction.ts';
import { allocate, parseTensors } from './parse-tensors.ts';
import { elementsOf, tensorPredictions } from './tensor-predictions.ts';

/** Numbers that are fed at once, so that the memory of a request has a bound; one instance may have more. */
const elementsAtOnce = 4 * 1024 ** 2;
const instancesAtOnce = 128;

/** Serves a network that nothing more is known of than the shapes of its inputs and outputs. */
export function tensorPredictor(artifact: Artifact, extra: ArtifactExtra): Predictor {
  const { input, output } = extra.signature;
  if (input.kind !== 'tensors' || output.kind !== 'tensors') {
    throw new VandaError('bad-data', 'model.json is not a model of tensors.');
  }
  const fields = input.tensors;
  const elements = fields.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const fitting = Math.floor(elementsAtOnce / Math.max(1, elements));
  const atOnce = extra.batched === true ? Math.min(instancesAtOnce, Math.max(1, fitting)) : 1;

  const feedsOf = (count: number, fill: (into: Targets) => void): Feeds => {
    const arrays = fields.map((field) => allocate(field, count * elementsOf(field.shape)));
    fill({ fields, arrays });
    return Object.fromEntries(
      fields.map((field, place) => {
        const shape = feedShape(artifact, field, extra.batched === true ? count : null);
        return [field.name, tensor(arrays[place] ?? [], shape, field.dtype)];
      }),
    );
  };
  const run = async (feeds: Feeds, count: number): Promise<Prediction[]> => {
    try {
      return tensorPredictions(await artifact.run('predict', feeds), output.tensors, count);
    } catch (error) {
      // An index that no table has, say: shapes and types are right already.
      const theirs = error instanceof EngineError && error.code !== 'closed';
      if (!theirs) throw error;
      throw new VandaError('invalid-request', `The model cannot compute this: ${error.message}.`);
    }
  };
  const parse = (instances: readonly unknown[], first: number): Feeds =>
    feedsOf(instances.length, ({ arrays }) => {
      for (const [at, instance] of instances.entries()) {
        const into = new Map(
          fields.map(({ name, shape }, place) => {
            const data = arrays[place] ?? new Uint8Array();
            return [name, { data, from: at * elementsOf(shape) }];
          }),
        );
        parseTensors(instance, first + at, fields, into);
      }
    });

  return {
    signature: extra.signature,
    warm: async () => {
      await run(
        feedsOf(1, () => {}),
        1,
      );
    },
    predict: async (instances) => {
      const predictions: Prediction[] = [];
      for (let from = 0; from < instances.length; from += atOnce) {
        const part = instances.slice(from, from + atOnce);
        predictions.push(...(await run(parse(part, from), part.length)));
      }
      return predictions;
    },
    close: () => artifact.close(),
  };
}

interface Targets {
  fields: readonly TensorField[];
  arrays: ReturnType<typeof allocate>[];
}

/** The network's own shape. `count`: how many instances lie beside each other, null where each goes by itself. */
function feedShape(artifact: Artifact, { name, shape }: TensorField, count: number | null) {
  const own = artifact.signatures.predict?.inputs[name]?.shape ?? [];
  return count === null ? own.map((dim) => dim ?? 1) : [count, ...shape];
}
