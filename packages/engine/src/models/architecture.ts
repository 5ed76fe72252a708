import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Network } from './network.ts';
import { pictureOf } from './picture.ts';
import { dotText } from './picture-dot.ts';
import { svgText } from './picture-svg.ts';
import type { Replay } from './replay.ts';
import { replay } from './replay.ts';
import type { Entry, Structure } from './structure.ts';
import type { SummaryOptions } from './summary.ts';
import { summaryText } from './summary.ts';
import type { AnyLayer, Symbolic } from './symbol.ts';

/** What a model is, apart from its weights. */
export class Architecture implements Network {
  readonly kind: 'model' | 'sequential';
  readonly name: string | undefined;
  /** false: nothing in it is trained, by itself or as a layer of another model. */
  trainable = true;
  protected shaped: Structure | undefined;

  constructor(kind: 'model' | 'sequential', name: string | undefined) {
    this.kind = kind;
    this.name = name;
  }

  get title(): string {
    return this.name ?? this.kind;
  }

  get structure(): Structure {
    if (this.shaped) return this.shaped;
    throw new EngineError(
      'invalid_graph',
      this.title,
      'has no shapes yet: begin it with input(), call it on a symbol, or fit it first',
    );
  }

  /** A model has its shapes from the beginning; a sequential one may get them here. */
  settle(_inputs: readonly Pick<Symbolic, 'shape' | 'dtype'>[]): void {}

  replay(inputs: readonly Node[], context: Replay): Node[] {
    return replay(this.structure, inputs, context);
  }

  get inputs(): readonly Symbolic[] {
    return this.structure.inputs;
  }

  get outputs(): readonly Symbolic[] {
    return this.structure.outputs;
  }

  /** Inputs and layers in the order in which they are computed; each layer once. */
  get layers(): readonly Entry[] {
    return this.structure.entries;
  }

  getLayer(name: string): AnyLayer {
    const found = this.layers.find((entry) => entry.name === name);
    if (found?.layer) return found.layer;
    const names = this.layers.filter((entry) => entry.layer).map((entry) => entry.name);
    throw new EngineError(
      'unknown_name',
      this.title,
      `there is no layer '${name}'; there are ${names.join(', ')}`,
    );
  }

  /** A table of the layers with shapes and numbers of parameters. */
  summary(options: SummaryOptions = {}): string {
    return summaryText(
      this,
      this.title,
      (layer, weight) => this.frozenWeight(layer, weight),
      options,
    );
  }

  /** The graph in the language of Graphviz. */
  toDot(): string {
    return dotText(this.title, pictureOf(this.structure));
  }

  /** The graph as a picture that needs nothing else to be looked at. */
  toSvg(): string {
    return svgText(this.title, pictureOf(this.structure));
  }

  /** Whether a weight is frozen by its name. */
  protected frozenWeight(_layer: AnyLayer, _weight: string): boolean {
    return false;
  }
}
