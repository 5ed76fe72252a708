import type { Graph, Node } from '@vanda/engine';
import type { JsonField } from '../json-field.ts';

/** A result of a layer, and which steps of it count, where an Embedding said so: bool [N, T]. */
export interface Value {
  readonly node: Node;
  readonly mask?: Node;
}

/** Keras 3 and Keras 2, whose way TensorFlow.js kept, mean different functions by a few names. */
export type Dialect = 'keras2' | 'keras3';

/** One application of a layer. */
export interface LayerCall {
  readonly graph: Graph;
  readonly config: JsonField;
  readonly inputs: readonly Value[];
  /** What the application says beside its inputs. */
  readonly options: JsonField;
  /** Inputs that are plain numbers. */
  readonly numbers: readonly number[];
  readonly dialect: Dialect;
  /** A weight of the layer, made at its first application: the order of the calls is Keras' order of weights. */
  weight(name: string, shape: readonly number[], options?: WeightOptions): Node;
}

export interface WeightOptions {
  /** false: a statistic, which no optimizer changes. */
  readonly trainable?: boolean;
  /** Of layers within the layer, such as the cell of an LSTM: where Keras keeps the weight. */
  readonly part?: string;
}

/** What a class of layers does. */
export interface LayerRule {
  /** How many inputs it takes. */
  readonly inputs: readonly [least: number, most: number];
  /**
   * What becomes of a mask: it goes on to the results, the layer looks at it (and ends it), or the layer has no use for
   * it and is refused behind it, since its results would differ from Keras'.
   */
  readonly mask: 'passes' | 'used' | 'refused';
  /** What an application may say beside its inputs, a mask and whether it trains. */
  readonly options?: readonly string[];
  /** Whether an input may be a plain number. */
  readonly numbers?: boolean;
  apply(call: LayerCall): Node | readonly Value[];
}

/** A rule of one input. */
export function unary(
  mask: LayerRule['mask'],
  apply: (x: Node, call: LayerCall) => Node | readonly Value[],
): LayerRule {
  return { inputs: [1, 1], mask, apply: (call) => apply((call.inputs[0] as Value).node, call) };
}

/** The size of an axis behind the batch. */
export function sizeOf(x: Node, axis: number, call: LayerCall): number {
  const size = x.shape.at(axis);
  if (typeof size === 'number') return size;
  return call.config.fail(
    `cannot read an input of shape [${x.shape.map((d) => d ?? 'batch').join(', ')}]`,
  );
}

/** Pictures and sequences lie with their channels last here and in every file that can be taken. */
export function channelsLast(config: JsonField): void {
  config.get('data_format').mustBe(undefined, 'channels_last');
}
