import { type BaseModel, baseModelOf, parseVersionedName, VandaError } from '@vanda/contracts';
import { findModelVersion, findVersionFiles, type ModelVersionDetails } from '@vanda/records';
import type { Deps } from '../deps.ts';

/** A graph with more is of weights that lie in the wrong place. */
const graphBytesMax = 32 * 1024 * 1024;
const knownMax = 200;
/** By the key of a graph: versions never change, and a form asks at each key that is pressed. */
const known = new Map<string, BaseModel>();

/** A version that a model may be built on, by NAME or NAME@VERSION; null where there is none. */
export async function findBaseModel(
  deps: Deps,
  projectId: string,
  reference: string,
): Promise<{ versionId: string; base: BaseModel } | null> {
  const { name, version } = parseVersionedName(reference);
  const row = await findModelVersion(deps.db, projectId, name, version);
  return row && { versionId: row.id, base: await describeBase(deps, row) };
}

/** What its graph says about where it may be cut. */
export async function describeBase(deps: Deps, row: ModelVersionDetails): Promise<BaseModel> {
  const name = `${row.model.name}@${row.version}`;
  const files = await findVersionFiles(deps.db, row.id);
  if (files === null) throw new VandaError('not-found', `The files of ${name} are not there.`);
  const { key, bytes } = files.graph;
  const before = known.get(key);
  if (before) return before;
  if (bytes > graphBytesMax) {
    throw new VandaError(
      'bad-data',
      `The graph of ${name} has ${bytes} bytes: too many to look into.`,
    );
  }
  const { stream } = await deps.objects.get(key);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const found = baseModelOf(name, JSON.parse(Buffer.concat(chunks).toString('utf8')));
  const [oldest] = known.keys();
  if (known.size >= knownMax && oldest !== undefined) known.delete(oldest);
  known.set(key, found);
  return found;
}
