import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from './engine-error.ts';
import { Graph } from './graph.ts';
import type { ModelJson } from './model-file.ts';
import { MODEL_FORMAT, readModel } from './model-file.ts';
import type { Node } from './node.ts';
import { writeSafetensors } from './safetensors.ts';
import type { Feeds } from './session.ts';
import { Session } from './session.ts';
import type { Dim, DType, Tensor } from './tensor.ts';

export interface Signature {
  readonly inputs: Record<string, Node>;
  readonly outputs: Record<string, Node>;
}
export interface ValueType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}
export interface SignatureType {
  readonly inputs: Record<string, ValueType>;
  readonly outputs: Record<string, ValueType>;
}

/**
 * Writes model.json and weights.safetensors; only what the signatures need goes in. `weights` stand in for those that
 * the session holds: an earlier epoch's, say, while it trains on.
 */
export async function saveArtifact(
  dir: string,
  options: {
    session: Session;
    signatures: Record<string, Signature>;
    extra?: unknown;
    weights?: Record<string, Tensor>;
  },
): Promise<void> {
  const nodes: Node[] = [];
  const place = (map: Record<string, Node>) =>
    Object.fromEntries(Object.entries(map).map(([name, node]) => [name, nodes.push(node) - 1]));
  const signatures = Object.fromEntries(
    Object.entries(options.signatures).map(([name, signature]) => [
      name,
      { inputs: place(signature.inputs), outputs: place(signature.outputs) },
    ]),
  );
  if (nodes.length === 0)
    throw new EngineError('invalid_graph', 'saveArtifact', 'a signature is needed');
  const graph = options.session.graph.toJSON(nodes);
  const needed = new Set(Graph.fromJSON(graph).variables.map((info) => info.name));
  const weights = Object.fromEntries(
    Object.entries(options.weights ?? options.session.variables()).filter(([name]) =>
      needed.has(name),
    ),
  );
  const model: ModelJson = {
    format: MODEL_FORMAT,
    graph,
    signatures,
    extra: options.extra ?? null,
  };
  await mkdir(dir, { recursive: true });
  await writeSafetensors(join(dir, 'weights.safetensors'), weights);
  await writeDurably(join(dir, 'model.json'), JSON.stringify(model));
}

/** Reads an artifact from anywhere: closed list of ops, every size checked against the files. */
export async function loadArtifact(
  dir: string,
  options: { threads?: number } = {},
): Promise<Artifact> {
  const model = await readModel(join(dir, 'model.json'));
  const { graph, outputs } = Graph.load(model.graph);
  const session = new Session(graph, options);
  await session.load(join(dir, 'weights.safetensors'));
  const pick = (map: unknown): Record<string, Node> =>
    Object.fromEntries(
      Object.entries((map ?? {}) as Record<string, number>).map(([name, index]) => {
        const node = outputs[index];
        if (!node)
          throw new EngineError(
            'corrupt_file',
            dir,
            `the signature names '${name}', which is not in the graph`,
          );
        return [name, node];
      }),
    );
  const signatures = Object.fromEntries(
    Object.entries(model.signatures ?? {}).map(([name, signature]) => [
      name,
      { inputs: pick(signature.inputs), outputs: pick(signature.outputs) },
    ]),
  );
  return new Artifact(session, signatures, model.extra);
}

/** A model ready to answer. */
export class Artifact {
  readonly session: Session;
  readonly extra: unknown;
  readonly signatures: Record<string, SignatureType>;
  readonly #nodes: Record<string, Signature>;

  constructor(session: Session, signatures: Record<string, Signature>, extra: unknown) {
    this.session = session;
    this.extra = extra;
    this.#nodes = signatures;
    this.signatures = Object.fromEntries(
      Object.entries(signatures).map(([name, signature]) => [
        name,
        { inputs: typesOf(signature.inputs), outputs: typesOf(signature.outputs) },
      ]),
    );
  }

  /** Off the JavaScript thread; concurrent calls are safe. */
  async run(signature: string, inputs: Feeds): Promise<Record<string, Tensor>> {
    const chosen = this.#nodes[signature];
    if (!chosen)
      throw new EngineError('unknown_name', signature, 'there is no signature of that name');
    const feeds = Object.fromEntries(
      Object.entries(chosen.inputs).map(([name, node]) => {
        const value = inputs[name];
        if (!value) throw new EngineError('invalid_feed', name, 'this input is missing');
        return [node.name, value];
      }),
    );
    const extra = Object.keys(inputs).find((name) => !(name in chosen.inputs));
    if (extra !== undefined)
      throw new EngineError('invalid_feed', extra, 'there is no input of that name');
    return this.session.run(feeds, chosen.outputs);
  }

  close(): void {
    this.session.close();
  }
}

function typesOf(nodes: Record<string, Node>): Record<string, ValueType> {
  return Object.fromEntries(
    Object.entries(nodes).map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
  );
}

async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
