import { EngineError } from '../engine-error.ts';
import type { Layer } from '../nn/layer.ts';
import { Pipeline } from '../pipeline.ts';
import { checkLayer } from './apply-layer.ts';
import { call } from './call.ts';
import type { CompileOptions } from './compile.ts';
import type { Values } from './data.ts';
import { tensorsOf } from './data.ts';
import { Model } from './model.ts';
import type { Network } from './network.ts';
import { structureOf } from './structure.ts';
import { Symbolic } from './symbol.ts';
import type { ModelOptions } from './weighted.ts';

/** Layers one after the other; the first may be an input(), else the first data or the first call says the shapes. */
export function sequential(
  layers: readonly (Symbolic | Layer | Network)[],
  options: ModelOptions = {},
): Sequential {
  return new Sequential(layers, options);
}

export class Sequential extends Model {
  readonly #layers: readonly (Layer | Network)[];
  #waiting: CompileOptions | undefined;

  constructor(layers: readonly (Symbolic | Layer | Network)[], options: ModelOptions) {
    super('sequential', options);
    const [first, ...rest] = layers;
    const own = first instanceof Symbolic ? rest : layers;
    if (own.length === 0 || own.some((layer) => layer instanceof Symbolic)) {
      throw new EngineError(
        'invalid_graph',
        this.title,
        'takes an input() first, if any, and then one layer or more',
      );
    }
    for (const layer of own) checkLayer(layer);
    this.#layers = own as (Layer | Network)[];
    if (first instanceof Symbolic) this.#run(first);
  }

  override settle(inputs: readonly Pick<Symbolic, 'shape' | 'dtype'>[]): void {
    const [only, ...more] = inputs;
    if (this.shaped || !only) return;
    if (more.length > 0)
      throw new EngineError('shape_mismatch', this.title, `takes one input, not ${inputs.length}`);
    this.#run(new Symbolic({ shape: only.shape, dtype: only.dtype }));
    if (this.#waiting) super.compile(this.#waiting);
  }

  /** Before the shapes are known, it is done as soon as they are. */
  override compile(options: CompileOptions): this {
    if (this.shaped) return super.compile(options);
    this.#waiting = options;
    return this;
  }

  protected override settleBy(x: Values | Pipeline): void {
    if (this.shaped || x instanceof Pipeline) return;
    const [{ dtype, shape } = { dtype: 'f32' as const, shape: [] }] = tensorsOf(
      this.title,
      'x',
      ['input'],
      x,
    );
    this.settle([{ dtype, shape: [null, ...shape.slice(1)] }]);
  }

  #run(begin: Symbolic): void {
    const output = this.#layers.reduce<Symbolic>((x, layer) => call(layer, x), begin);
    this.shape(structureOf(this.title, [begin], [output]));
  }
}
