import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { ColumnSource } from '../pipeline.ts';
import { Pipeline } from '../pipeline.ts';
import type { Tensor } from '../tensor.ts';
import { listed } from './compile.ts';
import { typeText } from './symbol.ts';

/** One tensor, one for each input or output, or by their names; the first dim is that of the samples. */
export type Values = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

export interface Samples {
  readonly x: Values;
  readonly y: Values;
}

/** A pipeline's columns are called as the inputs are, and y, or y/NAME for each of several outputs. */
export type Data = Samples | Pipeline;

export interface Batching {
  batchSize?: number;
  shuffle?: boolean;
  seed?: number;
  rows?: Uint32Array;
}

/** Values in the order of their names. */
export function tensorsOf(
  model: string,
  what: string,
  names: readonly string[],
  values: Values,
): Tensor[] {
  if (typeof values !== 'object' || values === null)
    throw new EngineError('invalid_feed', model, `there is no ${what}`);
  const one = 'data' in values && ArrayBuffer.isView(values.data);
  const given = one ? [values as Tensor] : (values as readonly Tensor[] | Record<string, Tensor>);
  const list = listed(model, what, names, given);
  const missing = list.indexOf(undefined);
  if (missing >= 0)
    throw new EngineError('invalid_feed', model, `${what}: '${names[missing]}' is missing`);
  const strange = list.findIndex((value) => !isTensor(value));
  if (strange >= 0) {
    throw new EngineError(
      'invalid_feed',
      model,
      `${what}: '${names[strange]}' is no tensor; tensor(data, shape) makes one`,
    );
  }
  return list as Tensor[];
}

function isTensor(value: Tensor | undefined): boolean {
  return ArrayBuffer.isView(value?.data) && Array.isArray(value.shape);
}

/** The inputs' part of data, or all of a pipeline. */
export function inputsOf(model: string, data: Data): Values | Pipeline {
  if (data instanceof Pipeline) return data;
  if (typeof data === 'object' && data !== null) return data.x;
  throw new EngineError('invalid_feed', model, 'takes { x, y } or a Pipeline');
}

/** Refuses values that do not fit an input. */
export function checkFit(name: string, kind: string, node: Node, value: Tensor): void {
  const given = { dtype: value.dtype, shape: [null, ...value.shape.slice(1)] };
  const wanted = typeText(node);
  if (value.shape.length > 0 && typeText(given) === wanted) return;
  throw new EngineError(
    'invalid_feed',
    `${name} (${kind})`,
    `does not fit ${value.dtype} [${value.shape.join(', ')}]. It takes ${wanted}.`,
  );
}

export function pipelineOf(
  model: string,
  columns: readonly (readonly [column: string, value: Tensor])[],
  { batchSize = 32, ...rest }: Batching,
): Pipeline {
  const counts = new Map(columns.map(([name, value]) => [value.shape[0], name]));
  const [[count = 0] = []] = counts;
  if (counts.size !== 1) {
    const text = [...counts].map(([rows, name]) => `'${name}' has ${rows}`).join(', ');
    throw new EngineError('invalid_feed', model, `the numbers of samples differ: ${text}`);
  }
  if (count === 0) throw new EngineError('invalid_feed', model, 'there are no samples');
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new EngineError(
      'invalid_attribute',
      model,
      'batchSize must be a whole number of at least 1',
    );
  }
  const sources = columns.map(([name, { data, dtype, shape }]): [string, ColumnSource] => [
    name,
    { data, dtype, shape: shape.slice(1) },
  ]);
  return new Pipeline({ columns: Object.fromEntries(sources), batchSize, ...rest });
}

/** The samples up to the share that is kept back, and those from there on, as rows. */
export function splitRows(model: string, count: number, share: number): [Uint32Array, Uint32Array] {
  const kept = Math.floor(count * (1 - share));
  if (!(share > 0 && share < 1) || kept === 0 || kept === count) {
    throw new EngineError(
      'invalid_attribute',
      model,
      `validationSplit must be between 0 and 1 and leave some of the ${count} samples on both sides`,
    );
  }
  const rows = Uint32Array.from({ length: count }, (_, i) => i);
  return [rows.slice(0, kept), rows.slice(kept)];
}

/** The mean over all rows of values by batch; the last batch may be smaller. */
export function rowMean(values: ArrayLike<number>, pipeline: Pipeline): number {
  const { batchSize, rowCount } = pipeline;
  let [sum, rows] = [0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const own = Math.min(batchSize, rowCount - i * batchSize);
    sum += (values[i] as number) * own;
    rows += own;
  }
  return sum / rows;
}
