import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backbone, type BackboneFile, backbones } from '@vanda/contracts';
import type { Node } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { ImportedNetwork } from '../imported-network.ts';
import { readStateDictOf } from '../pytorch/state-dict.ts';
import { importTfjsGraph } from '../tfjs/graph-model.ts';
import { importTfjsLayers } from '../tfjs/layers-model.ts';
import { importEfficientNetLite0 } from './efficientnet-lite.ts';
import { readModuleLiteral } from './module-literal.ts';

const FORMAT = 'backbone';

export interface OpenedBackbone {
  readonly backbone: Backbone;
  readonly network: ImportedNetwork;
  /** [N, width]: what a new head is put on. */
  readonly features: Node;
}

/**
 * A network of the shelf, from the folder that its package was unpacked into. Each file must have the size and the
 * SHA-256 of the table before anything of it is read.
 */
export async function openBackbone(name: string, folder: string): Promise<OpenedBackbone> {
  const backbone = backbones.find((one) => one.name === name);
  if (!backbone) {
    const known = backbones.map((one) => one.name).join(', ');
    throw new FormatError(
      FORMAT,
      'name',
      `there is no '${name.slice(0, 100)}'; there are ${known}`,
    );
  }
  const files: Buffer[] = [];
  for (const file of backbone.files) files.push(await checkedFile(folder, file));
  const network = await networkOf(backbone, files);
  const features = network.places.get(backbone.features.place);
  if (!features)
    throw new FormatError(FORMAT, 'features', `there is no place '${backbone.features.place}'`);
  return { backbone, network, features };
}

async function networkOf({ kind }: Backbone, files: readonly Buffer[]): Promise<ImportedNetwork> {
  const [first, ...rest] = files as [Buffer];
  if (kind === 'efficientnet-lite0') return importEfficientNetLite0(await readStateDictOf(first));
  const literals = [first, ...rest].map((file) => readModuleLiteral(file.toString('utf8')));
  const shards = literals.slice(1).map((shard) => Buffer.from(String(shard), 'base64'));
  const take = kind === 'tfjs-layers' ? importTfjsLayers : importTfjsGraph;
  return take(literals[0], Buffer.concat(shards));
}

async function checkedFile(folder: string, { path, bytes, sha256 }: BackboneFile): Promise<Buffer> {
  const handle = await open(join(folder, path), 'r').catch(() => {
    throw new FormatError(FORMAT, path, 'is not in the folder of the package');
  });
  try {
    const { size } = await handle.stat();
    if (size !== bytes) throw new FormatError(FORMAT, path, `has ${size} bytes, not ${bytes}`);
    const content = await handle.readFile();
    const found = createHash('sha256').update(content).digest('hex');
    if (found !== sha256)
      throw new FormatError(FORMAT, path, `has the SHA-256 ${found}, not ${sha256}`);
    return content;
  } finally {
    await handle.close();
  }
}
