import { open, stat } from 'node:fs/promises';
import { EngineError } from './engine-error.ts';
import type { GraphJson, VariableInfo } from './graph-core.ts';
import { readSafetensors } from './safetensors.ts';
import type { Tensor } from './tensor.ts';

export const MODEL_FORMAT = 'vanda-model/1';
const MODEL_BYTES_MAX = 256 * 1024 * 1024;

export interface ModelJson {
  readonly format: string;
  readonly graph: GraphJson;
  /** For each signature, places in the graph's list of outputs. */
  readonly signatures: Record<
    string,
    { inputs: Record<string, number>; outputs: Record<string, number> }
  >;
  readonly extra: unknown;
}

export async function readModel(file: string): Promise<ModelJson> {
  const size = await stat(file).then(
    (info) => info.size,
    () => {
      throw new EngineError('io', file, 'cannot be opened');
    },
  );
  if (size > MODEL_BYTES_MAX)
    throw new EngineError('limit', file, 'the model is larger than 256 MiB');
  const handle = await open(file, 'r');
  try {
    const model = JSON.parse(await handle.readFile('utf8')) as ModelJson | null;
    if (model?.format !== MODEL_FORMAT)
      throw new EngineError('corrupt_file', file, `the format is not ${MODEL_FORMAT}`);
    return model;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError('corrupt_file', file, 'is not JSON');
  } finally {
    await handle.close();
  }
}

/** The values of these variables; refused where one is missing or is not what its variable is. */
export async function readWeights(
  file: string,
  variables: readonly VariableInfo[],
): Promise<Record<string, Tensor>> {
  const { tensors } = await readSafetensors(file);
  return Object.fromEntries(
    variables.map((info) => {
      const value = tensors[info.name];
      const fits = value && value.dtype === info.dtype && value.shape.join() === info.shape.join();
      if (!fits)
        throw new EngineError(
          'corrupt_file',
          file,
          `the weight '${info.name}' is missing or has another shape`,
        );
      return [info.name, value];
    }),
  );
}
