import type { DType, Tensor, TensorData } from '@vanda/engine';
import * as ort from 'onnxruntime-node';
import { FormatError } from '../../format-error.ts';

const typeOf: Readonly<Record<DType, string>> = {
  f32: 'float32',
  i32: 'int32',
  i64: 'int64',
  u8: 'uint8',
  bool: 'bool',
};

/** A model in ONNX Runtime, on the CPU: what an export is checked against. */
export class OnnxRuntime {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async open(bytes: Uint8Array, options: { threads?: number } = {}): Promise<OnnxRuntime> {
    const session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads: options.threads ?? 1,
      interOpNumThreads: 1,
      executionProviders: ['cpu'],
      logSeverityLevel: 3,
    });
    return new OnnxRuntime(session);
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const inputs = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
      name,
      new ort.Tensor(typeOf[dtype] as 'float32', data as Float32Array, shape),
    ]);
    const results = await this.#session.run(Object.fromEntries(inputs));
    return Object.fromEntries(
      Object.entries(results).map(([name, value]) => [name, tensorOf(name, value)]),
    );
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function tensorOf(name: string, value: ort.Tensor): Tensor {
  const dtype = Object.entries(typeOf).find(([, type]) => type === value.type)?.[0];
  if (!dtype) throw new FormatError('ONNX', `output '${name}'`, `has the type ${value.type}`);
  return { dtype: dtype as DType, shape: value.dims, data: value.data as TensorData };
}
