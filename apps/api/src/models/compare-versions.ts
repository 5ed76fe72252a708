import type { ComparedShow, VersionComparison } from '@vanda/contracts';
import { type ModelVersionDetails, objectsOfVersions } from '@vanda/records';
import type { Deps } from '../deps.ts';

/** Where two versions of a model differ, or the sentence that says why that cannot be told. */
export async function compareVersions(
  deps: Deps,
  first: ModelVersionDetails,
  second: ModelVersionDetails,
  query: { show: ComparedShow; limit: number; after?: string | undefined },
): Promise<VersionComparison> {
  const sameData =
    first.datasetVersionId !== null && first.datasetVersionId === second.datasetVersionId;
  const answer: VersionComparison = {
    object: 'list',
    data: [],
    has_more: false,
    last_id: null,
    model: first.model.name,
    task: first.model.task as VersionComparison['task'],
    first: first.version,
    second: second.version,
    shared: 0,
    matchedBy: sameData ? 'row' : 'content',
    note: null,
    counts: null,
    columns: null,
  };
  const keys = await objectsOfVersions(deps.db, [first.id, second.id], 'test-items');
  const [one, other] = [first, second].map((version) => {
    const testItemsKey = keys.get(version.id);
    const { id, datasetVersionId } = version;
    return testItemsKey && datasetVersionId && { id, datasetVersionId, testItemsKey };
  });
  if (!one || !other) {
    return {
      ...answer,
      note: withoutPredictions([first, second].filter(({ id }) => !keys.has(id))),
    };
  }
  const comparison = await deps.comparisons.of(one, other);
  const { shared, counts, columns, sampled } = comparison;
  if (shared === 0) return { ...answer, note: nothingShared(first, second) };
  const { items, hasMore } = comparison.page(query);
  return {
    ...answer,
    data: items,
    has_more: hasMore,
    last_id: items.at(-1)?.id ?? null,
    shared,
    counts,
    columns,
    note: sampled
      ? `The test splits are large: a sample of ${shared.toLocaleString('en')} of the items that they share was compared.`
      : null,
  };
}

function withoutPredictions(versions: ModelVersionDetails[]): string {
  const names = versions.map(({ version }) => version).join(' and ');
  const plural = versions.length > 1;
  return `Version${plural ? 's' : ''} ${names} ${plural ? 'have' : 'has'} no predictions of a test split that could be compared: ${plural ? 'they were' : 'it was'} trained without one or before predictions were kept, or imported.`;
}

function nothingShared(first: ModelVersionDetails, second: ModelVersionDetails): string {
  const [one, other] = [first, second].map(
    ({ datasetVersion: data }) => data && `${data.dataset.name}@${data.version}`,
  );
  return one === other
    ? `Of ${one} the test splits of version ${first.version} and version ${second.version} have no item in common: they were drawn with other seeds.`
    : `The test splits of version ${first.version} (${one}) and version ${second.version} (${other}) have no item in common.`;
}
