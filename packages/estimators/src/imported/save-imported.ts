import type { ModelSignature, ModelSource } from '@vanda/contracts';
import { type Node, Session, saveArtifact } from '@vanda/engine';
import type { ArtifactExtra } from '../artifact.ts';
import { classScores } from './class-scores.ts';
import type { Network } from './network.ts';
import { behindPictures, type PixelRange } from './picture-input.ts';
import { probe } from './probe.ts';

export interface ImportedOptions {
  /** Given where the network takes pictures; without it, inputs are tensors by their names. */
  pixels: PixelRange | null;
  /** Of pictures; without it, outputs are tensors by their names. */
  labels: readonly string[] | null;
  /** The place that a new head goes onto, where it is known. */
  features: string | null;
  source: ModelSource;
  engineVersion: string;
  threads: number;
}

/**
 * Writes a network of another tool as an artifact that can be served. Beside `predict` it has the signature `layers`:
 * the same inputs, and one output for each place of f32 that the source names, where it may be cut later.
 *
 * @throws VandaError 'bad-data' where the network does not run or is not what the options say.
 */
export async function saveImported(
  folder: string,
  imported: Network,
  options: ImportedOptions,
): Promise<ModelSignature> {
  const pictures = options.pixels !== null || options.labels !== null;
  const network = pictures ? behindPictures(imported, options.pixels ?? {}) : imported;
  const { graph } = network;
  const session = new Session(graph, { threads: options.threads });
  try {
    const probed = await probe(session, network.inputs, network.outputs);
    const { labels } = options;
    const scores = labels && classScores(graph, network.outputs, labels, probed.answers);
    const inputs = pictures ? pictureInput(network.inputs) : network.inputs;
    const outputs = scores === null ? network.outputs : { scores };
    const signature: ModelSignature = {
      task: labels === null ? 'tensors' : 'image-classification',
      input: pictures
        ? { kind: 'picture', ...pictureShape(inputs.image) }
        : { kind: 'tensors', tensors: probed.inputs },
      output:
        labels === null
          ? { kind: 'tensors', tensors: probed.outputs }
          : { kind: 'classes', labels: [...labels] },
    };
    const extra: ArtifactExtra = {
      format: 'vanda-estimator-1',
      signature,
      batched: probed.batched,
      ...(options.features === null ? {} : { features: options.features }),
      source: options.source,
      metrics: {},
      engineVersion: options.engineVersion,
    };
    const layers = Object.fromEntries(
      [...network.places].filter(([, { dtype }]) => dtype === 'f32'),
    );
    const signatures = {
      predict: { inputs, outputs },
      ...(Object.keys(layers).length > 0 && { layers: { inputs, outputs: layers } }),
    };
    await saveArtifact(folder, { session, signatures, extra });
    return signature;
  } finally {
    session.close();
  }
}

function pictureInput(inputs: Readonly<Record<string, Node>>): Record<string, Node> {
  return Object.fromEntries(Object.values(inputs).map((node) => ['image', node]));
}

function pictureShape(image: Node | undefined): { size: number; channels: number } {
  const [, size, , channels] = image?.shape ?? [];
  return { size: size ?? 0, channels: channels ?? 0 };
}
