import { EngineError } from './engine-error.ts';
import type { NativePipeline } from './native.ts';
import { native } from './native.ts';
import { type Decode, PictureFeed } from './picture-feed.ts';
import type { DType, TensorData } from './tensor.ts';
import { dtypeOf } from './tensor.ts';

/** y = x * scale + shift, one number or one for each element of the last dim; gives f32. */
export interface Normalize {
  readonly scale: number | readonly number[];
  readonly shift?: number | readonly number[];
}

/**
 * Changes pictures [height, width, channels] of u8 or f32 at random, a little different in each epoch: what is done to
 * an item is a function of the pipeline's seed, the epoch and the item, and nothing else. Shape and dtype stay.
 */
export interface Augment {
  /** Left and right, every second time. */
  readonly flip?: boolean;
  /** The share of each side that may be cut away, 0 to 0.9; the rest is stretched to the whole. */
  readonly crop?: number;
  /** Degrees to either side, at most. */
  readonly rotate?: number;
  /** Values times 1 - brightness to 1 + brightness. */
  readonly brightness?: number;
  /** Distances from the picture's mean times 1 - contrast to 1 + contrast. */
  readonly contrast?: number;
}

/** The rows of one column; `shape` is that of one row, [] by default. */
export type ColumnSource =
  | {
      readonly data: TensorData;
      readonly shape?: readonly number[];
      readonly dtype?: DType;
      readonly normalize?: Normalize;
      readonly augment?: Augment;
    }
  | {
      readonly file: string;
      readonly dtype: DType;
      readonly offset?: number;
      readonly shape?: readonly number[];
      readonly rows: number;
      readonly normalize?: Normalize;
      readonly augment?: Augment;
    }
  | {
      /** Makes a row when it is needed, several at a time, into a ring of at most bytesMax (64 MiB by default). */
      readonly decode: Decode;
      readonly dtype: DType;
      readonly shape?: readonly number[];
      readonly rows: number;
      readonly bytesMax?: number;
      /** Rows that are made at the same time; 8 by default. */
      readonly atOnce?: number;
      readonly normalize?: Normalize;
      readonly augment?: Augment;
    };

export interface PipelineOptions {
  columns: Record<string, ColumnSource>;
  batchSize: number;
  /** Use only these rows, for instance one split. */
  rows?: Uint32Array;
  shuffle?: boolean;
  seed?: number;
  dropRemainder?: boolean;
  /** Batches made ahead, at most. */
  prefetch?: number;
  /** Bytes that they may take, 256 MiB by default; one batch is always made ahead. */
  prefetchBytes?: number;
  /** Native threads that make batches; one by default, two where pictures are augmented. */
  threads?: number;
}

/**
 * Batches from columns in memory, in mapped files or decoded on the way: gathered, augmented and normalised on native
 * threads. The order is a function of the seed and the epoch, uniform over all rows.
 */
export class Pipeline {
  /** What each column gives for a row. */
  readonly types: Readonly<Record<string, { dtype: DType; shape: readonly number[] }>>;
  readonly rowCount: number;
  readonly batchSize: number;
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
      prefetchBytes: options.prefetchBytes ?? 256 * 1024 * 1024,
      threads: options.threads ?? (Object.values(options.columns).some(augmented) ? 2 : 1),
    });
    for (const [name, source] of Object.entries(options.columns)) {
      if (!('decode' in source)) continue;
      new PictureFeed(this.#native, name, source.decode, source.atOnce ?? 8);
    }
    this.types = Object.fromEntries(
      Object.entries(options.columns).map(([name, source]) => [name, rowType(source)]),
    );
    this.batchSize = options.batchSize;
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

function rowType(source: ColumnSource): { dtype: DType; shape: readonly number[] } {
  const dtype = 'data' in source ? (source.dtype ?? dtypeOf(source.data)) : source.dtype;
  return { dtype: source.normalize ? 'f32' : dtype, shape: source.shape ?? [] };
}

function augmented(source: ColumnSource): boolean {
  return source.augment !== undefined;
}

function nativeColumn(name: string, source: ColumnSource): object {
  const shape = [...(source.shape ?? [])];
  const scale = source.normalize?.scale;
  const shared = {
    name,
    shape,
    scale,
    shift: scale === undefined ? undefined : (source.normalize?.shift ?? 0),
    augment: source.augment,
  };
  if ('decode' in source) {
    const bytesMax = source.bytesMax ?? 64 * 1024 * 1024;
    return { ...shared, dtype: source.dtype, rows: source.rows, bytesMax };
  }
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
