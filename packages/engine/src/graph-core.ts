import { EngineError } from './engine-error.ts';
import type { Initializer } from './initializer.ts';
import { initializerScale } from './initializer.ts';
import type { Attributes, NativeGraph, NativeNode } from './native.ts';
import { native } from './native.ts';
import { Node } from './node.ts';
import type { Dim, DType, Tensor } from './tensor.ts';
import { tensor } from './tensor.ts';

/** A number becomes a constant of the dtype that it meets, f32 where it meets none. */
export type Operand = Node | number;

export interface VariableInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly trainable: boolean;
  readonly node: Node;
}

/** A graph as JSON: a closed list of ops; read back with bounds on everything. */
export type GraphJson = {
  readonly format: string;
  readonly nodes: readonly unknown[];
  readonly outputs: readonly [number, number][];
};

/** What every graph has below its op methods: sources, gradients, JSON. */
export class GraphCore {
  readonly native: NativeGraph;
  readonly seed: number;
  /** Layers that are applied here leave nothing behind: for finding shapes out. */
  readonly draft: boolean;
  /** Values that variables get at session start in place of their initializer. */
  readonly initialValues = new Map<string, Tensor>();
  /** Effects that go with every training step, such as running statistics. */
  readonly updates: number[] = [];
  readonly #variables: VariableInfo[] = [];
  readonly #named = new Map<string, Node>();
  readonly #layerNames = new Map<string, number>();
  #salt = 0;
  #scope: { name: string; kind: string } | undefined;

  constructor(options: { seed?: number; draft?: boolean } = {}) {
    this.draft = options.draft ?? false;
    this.seed = options.seed ?? 0;
    if (!Number.isSafeInteger(this.seed) || this.seed < 0) {
      throw new EngineError(
        'invalid_attribute',
        'Graph',
        'the seed must be a whole number of at least 0',
      );
    }
    this.native = new (native().Graph)();
  }

  /** An input that each run must feed. */
  placeholder(name: string, shape: readonly Dim[], dtype: DType = 'f32'): Node {
    const dims = shape.map((dim) => dim ?? -1);
    return this.#register(name, this.emit('placeholder', [], { dtype, shape: dims }, name));
  }

  /** State that a session keeps; trainable ones are what an optimizer changes. */
  variable(
    name: string,
    shape: readonly number[],
    init: Initializer,
    options: { trainable?: boolean; dtype?: DType } = {},
  ): Node {
    const given = 'data' in init ? init : undefined;
    const trainable = options.trainable ?? true;
    const node = this.emit(
      'variable',
      [],
      {
        dtype: options.dtype ?? given?.dtype ?? 'f32',
        shape: [...shape],
        trainable,
        init: 'data' in init ? 'zeros' : init.kind,
        scale: 'data' in init ? 0 : initializerScale(init),
        seed: this.seed,
      },
      name,
    );
    if (given) this.initialValues.set(name, { ...given, shape: [...shape] });
    this.#register(name, node);
    this.#variables.push({ name, shape: [...shape], dtype: node.dtype, trainable, node });
    return node;
  }

  constant(value: Tensor | number): Node {
    const given =
      typeof value === 'number'
        ? { dtype: 'f32' as const, shape: [], data: Float32Array.of(value) }
        : value;
    return this.#nodes(
      this.native.addConstant({ dtype: given.dtype, shape: [...given.shape], data: given.data }),
    )[0] as Node;
  }

  /**
   * The step being run (0 first) as an f32 scalar: what learning-rate schedules are made of. With `every` = K, how many
   * times K steps are done, or where in the present K steps this one is (`phase`).
   */
  step(options: { every?: number; phase?: boolean } = {}): Node {
    return this.emit('step', [], { every: options.every ?? 1, phase: options.phase ?? false });
  }

  get variables(): readonly VariableInfo[] {
    return this.#variables;
  }

  /** Whether there is a placeholder or variable of that name. */
  has(name: string): boolean {
    return this.#named.has(name);
  }

  /** A placeholder or variable. */
  byName(name: string): Node {
    const node = this.#named.get(name);
    if (!node)
      throw new EngineError(
        'unknown_name',
        name,
        'there is no placeholder or variable of that name',
      );
    return node;
  }

  /** The gradient of a scalar towards each of `wrt`; the nodes that it emits may be differentiated again. */
  gradients(loss: Node, wrt: readonly Node[]): Node[] {
    const flat = this.native.gradients(this.refs([loss]), this.refs(wrt));
    return Array.from({ length: flat.length / 2 }, (_, i) =>
      this.nodeAt(flat[2 * i] ?? -1, flat[2 * i + 1] ?? 0),
    );
  }

  /**
   * The same values, for which training does not keep what is inside of the block: when their gradient comes, the block is
   * computed once more from what it read, with the same random numbers, so the gradients are the same to the bit. Of a deep
   * network cut into blocks, the entries of all blocks and the inside of one live at a time (Chen et al., 2016, "Training
   * deep nets with sublinear memory cost"); it costs about a third more work. Blocks may hold blocks. What randomNormal and its
   * like draw is kept (dropout draws again).
   */
  recompute<R extends Node | readonly Node[]>(block: () => R): R {
    const first = this.native.size();
    const made: Node | readonly Node[] = block();
    const outputs = made instanceof Node ? [made] : made;
    const closed = this.#nodes(this.native.recompute(first, this.refs(outputs)));
    return (made instanceof Node ? closed[0] : closed) as R;
  }

  /** What the outputs need, or all; `inlined`: what is inside of defined operations in the places of their calls. */
  toJSON(outputs: readonly Node[] = [], options: { inlined?: boolean } = {}): GraphJson {
    const inlined = options.inlined ?? false;
    return JSON.parse(this.native.toJson(this.refs(outputs), inlined)) as GraphJson;
  }

  /** Appends an operation and gives its first output. */
  emit(op: string, inputs: readonly Node[], attributes: Attributes = {}, name?: string): Node {
    return this.emitAll(op, inputs, attributes, name)[0] as Node;
  }

  emitAll(op: string, inputs: readonly Node[], attributes: Attributes = {}, name?: string): Node[] {
    return this.#nodes(this.native.add(op, this.refs(inputs), attributes, name));
  }

  /** Appends an operation that runs graphs of their own: each with its outputs, and inputs p0, p1, ... */
  emitBodies(
    op: string,
    inputs: readonly Node[],
    attributes: Attributes,
    bodies: readonly (readonly Node[])[],
  ): Node[] {
    const given = bodies.map((outputs) => {
      const { graph } = outputs[0] as Node;
      return { graph: graph.native, outputs: graph.refs(outputs) };
    });
    return this.#nodes(this.native.add(op, this.refs(inputs), attributes, undefined, given));
  }

  /** Appends an operation that writes a variable; it runs only where it is asked for by its id. */
  emitEffect(op: string, inputs: readonly Node[], attributes: Attributes = {}): number {
    return this.native.add(op, this.refs(inputs), attributes).id;
  }

  /**
   * Writes a variable at the end of the step, where the id is among the effects of a trainer; all other operations see
   * what it was before. With `every` = K, in each K-th step.
   */
  assign(variable: Node, value: Node, options: { every?: number } = {}): number {
    return this.emitEffect('assign', [variable, value], { every: options.every ?? 1 });
  }

  refs(nodes: readonly Node[]): number[] {
    return nodes.flatMap((node) => {
      if (!(node instanceof Node) || (node.graph as unknown) !== this) {
        throw new EngineError('invalid_graph', '', 'a node of another graph was given');
      }
      return [node.id, node.output];
    });
  }

  operand(value: Operand): Node {
    return typeof value === 'number' ? this.constant(value) : value;
  }

  /** A number as a scalar of a dtype that can hold it. */
  constantOf(value: number, dtype: DType, op: string): Node {
    const bytes = dtype === 'u8' ? 255 : 1;
    const fits =
      dtype === 'f32' ||
      (Number.isInteger(value) &&
        (dtype === 'i64' ? Number.isSafeInteger(value) : true) &&
        (dtype === 'i32' ? value === (value | 0) : true) &&
        (dtype === 'u8' || dtype === 'bool' ? value >= 0 && value <= bytes : true));
    if (!fits) {
      throw new EngineError('dtype_mismatch', op, `the number ${value} is no ${dtype}; cast first`);
    }
    return this.constant(tensor([value], [], dtype));
  }

  /** dense, dense_1, ...: names for layers that were given none. */
  layerName(kind: string): string {
    const scope = this.#scope;
    if (scope?.kind === kind) {
      this.#scope = { name: scope.name, kind: '' };
      return scope.name;
    }
    const name = scope ? `${scope.name}/${kind}` : kind;
    const count = this.#layerNames.get(name) ?? 0;
    this.#layerNames.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }

  /** Within `body`, the first layer of that kind is called `name`, and every other one NAME/kind. */
  scoped<T>(name: string, kind: string, body: () => T): T {
    const outer = this.#scope;
    this.#scope = { name, kind };
    try {
      return body();
    } finally {
      this.#scope = outer;
    }
  }

  nextSalt(): number {
    return this.#salt++;
  }

  nodeAt(id: number, output: number): Node {
    const node = this.#nodes(this.native.describe(id))[output];
    if (!node) throw new EngineError('invalid_graph', '', 'the value does not exist');
    return node;
  }

  /** Fills this empty graph; gives the outputs that the JSON names. */
  protected load(json: unknown): Node[] {
    const flat = this.native.loadJson(JSON.stringify(json));
    for (let id = 0; id < this.native.size(); id += 1) {
      const described = this.native.describe(id);
      if (described.name === '') continue;
      const node = this.#nodes(described)[0] as Node;
      this.#register(described.name, node);
      if (described.op === 'variable') {
        const shape = node.shape as readonly number[];
        this.#variables.push({
          name: described.name,
          shape,
          dtype: node.dtype,
          trainable: described.trainable ?? true,
          node,
        });
      }
    }
    return Array.from({ length: flat.length / 2 }, (_, i) =>
      this.nodeAt(flat[2 * i] ?? -1, flat[2 * i + 1] ?? 0),
    );
  }

  #register(name: string, node: Node): Node {
    this.#named.set(name, node);
    return node;
  }

  #nodes(described: NativeNode): Node[] {
    return described.outputs.map(
      (type, output) =>
        new Node(this, {
          id: described.id,
          output,
          op: described.op,
          name: described.name,
          dtype: type.dtype,
          shape: type.shape.map((dim) => (dim === -1 ? null : dim)),
        }),
    );
  }
}
