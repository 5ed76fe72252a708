import {
  type CompletedSpec,
  completeSpec,
  parseOrThrow,
  type TrainSpec,
  trainSpec,
  VandaError,
} from '@vanda/contracts';
import type { DatasetVersionDetails } from '@vanda/records';
import { resolveDataset } from '../datasets/handlers.ts';
import { profileOf } from '../datasets/present.ts';
import type { Deps } from '../deps.ts';
import { findBaseModel } from '../models/base-models.ts';

export interface PreparedSpec {
  spec: CompletedSpec;
  warnings: string[];
  data: DatasetVersionDetails;
  device: 'cpu' | 'gpu';
  /** The version that it builds on; null for a network of its own. */
  baseVersionId: string | null;
}

/** Checks a spec, by itself and against the data that it names, and fills in every default. */
export async function prepareSpec(
  deps: Deps,
  projectId: string,
  submitted: unknown,
): Promise<PreparedSpec> {
  const given: TrainSpec = parseOrThrow(trainSpec, submitted, 'invalid-spec');
  const data = await resolveDataset(deps, projectId, given.dataset);
  if (data === null) {
    throw specError('/dataset', `There is no dataset ${given.dataset} with an accepted push.`);
  }
  const name = `${data.dataset.name}@${data.version}`;
  const found = await findBase(deps, projectId, given);
  const { spec, warnings } = completeSpec(given, name, profileOf(data), found?.base);
  checkColumns(spec, data);
  // Every worker has a CPU; whether one with a GPU lives is what the job waits for, and it says so.
  const device = spec.resources.device === 'gpu' ? 'gpu' : 'cpu';
  return { spec, warnings, data, device, baseVersionId: found?.versionId ?? null };
}

async function findBase(deps: Deps, projectId: string, { model }: TrainSpec) {
  if (model?.kind !== 'retrain') return null;
  const found = await findBaseModel(deps, projectId, model.base);
  if (found !== null) return found;
  throw specError('/model/base', `There is no model ${model.base}.`);
}

/** What can be known about a target from the statistics is said at submission, not by a failed job. */
function checkColumns(spec: CompletedSpec, data: DatasetVersionDetails): void {
  const profile = profileOf(data);
  if (profile.kind === 'images') {
    const labels = profile.labels.filter((label) => label.count > 0);
    if (labels.length >= 2) return;
    throw specError(
      '/dataset',
      `${spec.dataset} has pictures of one label only ("${shorten(labels[0]?.label ?? '')}"): a classifier needs two or more.`,
    );
  }
  const columns = new Map(profile.columns.map((column) => [column.name, column]));
  for (const [index, name] of (spec.columns?.exclude ?? []).entries()) {
    if (!columns.has(name)) throw noColumn(`/columns/exclude/${index}`, name, [...columns.keys()]);
  }
  const target = columns.get(spec.target ?? '');
  if (target === undefined) throw noColumn('/target', spec.target ?? '', [...columns.keys()]);
  const about = `The column "${shorten(target.name)}" of ${spec.dataset}`;
  if (target.count === 0) throw specError('/target', `${about} has no values to learn from.`);
  if (target.distinct < 2) {
    throw specError('/target', `${about} has the same value in every row: nothing can be learned.`);
  }
  if (spec.task === 'tabular-regression' && !['number', 'integer'].includes(target.type)) {
    throw specError(
      '/target',
      `${about} holds ${target.type} values: tabular-regression needs numbers (use tabular-classification for categories).`,
    );
  }
}

function noColumn(pointer: string, name: string, columns: string[]): VandaError {
  const shown = columns.slice(0, 20).map((column) => `"${shorten(column)}"`);
  const more = columns.length > shown.length ? ` and ${columns.length - shown.length} more` : '';
  return specError(
    pointer,
    `There is no column "${shorten(name)}"; there are ${shown.join(', ')}${more}.`,
  );
}

function specError(pointer: string, message: string): VandaError {
  return new VandaError('invalid-spec', `${pointer}: ${message}`, [{ pointer, message }]);
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
