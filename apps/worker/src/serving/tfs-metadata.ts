import type { ModelSignature, TensorField } from '@vanda/contracts';

const dim = (size: number) => ({ size: String(size), name: '' });
const tensor = (name: string, dtype: string, ...sizes: number[]) => ({
  dtype,
  tensor_shape: { dim: [dim(-1), ...sizes.map(dim)], unknown_rank: false },
  name,
});

const dtypes = {
  f32: 'DT_FLOAT',
  i32: 'DT_INT32',
  i64: 'DT_INT64',
  u8: 'DT_UINT8',
  bool: 'DT_BOOL',
} as const;

function tensors(fields: readonly TensorField[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.map(({ name, dtype, shape }) => [name, tensor(name, dtypes[dtype], ...shape)]),
  );
}

/** The signature as TensorFlow Serving's GetModelMetadata writes it in JSON. */
export function toMetadata(name: string, version: number, signature: ModelSignature): unknown {
  return {
    model_spec: { name, signature_name: '', version: String(version) },
    metadata: {
      signature_def: {
        signature_def: {
          serving_default: {
            inputs: inputs(signature),
            outputs: outputs(signature),
            method_name: 'tensorflow/serving/predict',
            defaults: {},
          },
        },
      },
    },
  };
}

/** A picture is a string (its file, as b64) to this dialect; nested lists of pixels are taken as well. */
function inputs({ input }: ModelSignature): Record<string, unknown> {
  if (input.kind === 'picture') return { image: tensor('image', 'DT_STRING') };
  if (input.kind === 'tensors') return tensors(input.tensors);
  const types = {
    number: 'DT_FLOAT',
    category: 'DT_STRING',
    boolean: 'DT_BOOL',
    date: 'DT_STRING',
  } as const;
  return Object.fromEntries(
    input.fields.map((field) => [field.name, tensor(field.name, types[field.type])]),
  );
}

function outputs({ output }: ModelSignature): Record<string, unknown> {
  if (output.kind === 'number') return { [output.target]: tensor(output.target, 'DT_FLOAT') };
  if (output.kind === 'tensors') return tensors(output.tensors);
  return {
    label: tensor('label', 'DT_STRING'),
    score: tensor('score', 'DT_FLOAT'),
    scores: tensor('scores', 'DT_FLOAT', output.labels.length),
  };
}

export type VersionState = 'LOADING' | 'AVAILABLE' | 'END';

export function toStatus(
  versions: { version: number; state: VersionState; error: string | null }[],
): unknown {
  return {
    model_version_status: versions.map(({ version, state, error }) => ({
      version: String(version),
      state,
      status: { error_code: error === null ? 'OK' : 'UNAVAILABLE', error_message: error ?? '' },
    })),
  };
}
