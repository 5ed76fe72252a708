import { EngineError } from './engine-error.ts';
import type { NativePipeline } from './native.ts';
import { native } from './native.ts';
import type { DType, TensorData } from './tensor.ts';
import { dtypeOf } from './tensor.ts';

/** y = x * scale + shift, one number or one for each element of the last dim; gives f32. */
export interface Normalize {
  readonly scale: number | readonly number[];
  readonly shift?: number | readonly number[];
}

/** The rows of one column; `shape` is that of one row, [] by default. */
export type ColumnSource =
  | {
      readonly data: TensorData;
      readonly shape?: readonly number[];
      readonly dtype?: DType;
      readonly normalize?: Normalize;
    }
  | {
      readonly file: string;
      readonly dtype: DType;
      readonly offset?: number;
      readonly shape?: readonly number[];
      readonly rows: number;
      readonly normalize?: Normalize;
    };

export interface PipelineOptions {
  columns: Record<string, ColumnSource>;
  batchSize: number;
  /** Use only these rows, for instance one split. */
  rows?: Uint32Array;
  shuffle?: boolean;
  seed?: number;
  dropRemainder?: boolean;
  /** Batches made ahead. */
  prefetch?: number;
}

/** Batches from columns in memory or in mapped files, gathered and normalised on a native thread. */
export class Pipeline {
  readonly rowCount: number;
  readonly batchesPerEpoch: number;
  #native: NativePipeline | undefined;

  constructor(options: PipelineOptions) {
    const columns = Object.entries(options.columns).map(([name, source]) =>
      nativeColumn(name, source),
    );
    this.#native = new (native().Pipeline)({
      columns,
      rows: options.rows,
      batchSize: options.batchSize,
      shuffle: options.shuffle ?? false,
      seed: options.seed ?? 0,
      dropRemainder: options.dropRemainder ?? false,
      prefetch: options.prefetch ?? 2,
    });
    this.rowCount = this.#native.rowCount();
    this.batchesPerEpoch = this.#native.batchesPerEpoch();
  }

  get handle(): NativePipeline {
    if (!this.#native) throw new EngineError('closed', 'Pipeline', 'this pipeline is closed');
    return this.#native;
  }

  close(): void {
    this.#native = undefined;
  }
}

function nativeColumn(name: string, source: ColumnSource): object {
  const shape = [...(source.shape ?? [])];
  const scale = source.normalize?.scale;
  const shared = {
    name,
    shape,
    scale,
    shift: scale === undefined ? undefined : (source.normalize?.shift ?? 0),
  };
  if ('file' in source) {
    return {
      ...shared,
      file: source.file,
      dtype: source.dtype,
      offset: source.offset ?? 0,
      rows: source.rows,
    };
  }
  const width = shape.reduce((product, dim) => product * dim, 1);
  const rows = width === 0 ? 0 : source.data.length / width;
  if (!Number.isInteger(rows)) {
    throw new EngineError(
      'invalid_feed',
      name,
      `${source.data.length} elements do not divide into rows of [${shape.join(', ')}]`,
    );
  }
  return { ...shared, data: source.data, dtype: source.dtype ?? dtypeOf(source.data), rows };
}
