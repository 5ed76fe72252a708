import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Node, Tensor } from '@vanda/engine';
import { Graph, loadArtifact, readSafetensors } from '@vanda/engine';
import { FormatError } from '../format-error.ts';

/** What an exporter needs: a graph, what goes in and comes out by name, and the values of its variables. */
export interface ExportableNetwork {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Node>>;
  readonly outputs: Readonly<Record<string, Node>>;
  /** Left out: the values that variables begin with. */
  readonly values?: Readonly<Record<string, Tensor>>;
  /** What goes into the file beside the network, such as labels. */
  readonly metadata?: Readonly<Record<string, string>>;
}

type Places = Record<string, number>;

/**
 * The network of an artifact (model.json and weights.safetensors); its preprocessing is part of its graph. What stands
 * beside the graph, such as labels and the signature, becomes metadata: strings as they are, anything else as JSON.
 */
export async function readArtifactNetwork(
  folder: string,
  signature = 'predict',
): Promise<ExportableNetwork> {
  // Whatever is wrong with an artifact is found by its own reader first.
  (await loadArtifact(folder, { threads: 1 })).close();
  const model = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as {
    graph: unknown;
    signatures: Record<string, { inputs: Places; outputs: Places }>;
    extra: unknown;
  };
  const { graph, outputs: nodes } = Graph.load(model.graph);
  const chosen = Object.entries(model.signatures).find(([name]) => name === signature)?.[1];
  if (!chosen) throw new FormatError('artifact', signature, 'there is no signature of that name');
  const named = (places: Places) =>
    Object.fromEntries(Object.entries(places).map(([name, at]) => [name, nodes[at] as Node]));
  const { tensors } = await readSafetensors(join(folder, 'weights.safetensors'));
  return {
    graph,
    inputs: named(chosen.inputs),
    outputs: named(chosen.outputs),
    values: tensors,
    metadata: metadataOf(model.extra),
  };
}

function metadataOf(extra: unknown): Record<string, string> {
  if (typeof extra !== 'object' || extra === null) return {};
  return Object.fromEntries(
    Object.entries(extra)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
