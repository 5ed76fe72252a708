import { SimpleGrid, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getModelLayers, listModels, listModelVersions } from '@vanda/contracts';
import { read } from '../../lib/queries.ts';
import { useDraft } from './draft-context.ts';
import { valueAt } from './draft-text.ts';
import { SpecChoice } from './spec-fields.tsx';

const query = { limit: 200 };

/** What a retraining builds on: a version of a model of pictures, the layer it is cut at, and what of it moves. */
export function BaseFields() {
  const { spec, completed, set } = useDraft();
  const [name = '', version] = String(valueAt(spec, ['model', 'base']) ?? '').split('@');
  const models = useQuery(read(listModels, { query }));
  const fitting = (models.data?.data ?? []).filter(
    (model) => model.latest?.signature.input.kind === 'picture',
  );
  const chosen = fitting.find((model) => model.name === name);
  const versions = useQuery({
    ...read(listModelVersions, { params: { name }, query }),
    enabled: chosen !== undefined,
  });
  const number = Number(version ?? chosen?.latestVersion ?? 0);
  const told = useQuery({
    ...read(getModelLayers, { params: { name, version: number } }),
    enabled: chosen !== undefined && number > 0,
  });
  // A layer of another base means nothing.
  const choose = (base: string | undefined) =>
    set(['model'], base === undefined ? { kind: 'retrain' } : { kind: 'retrain', base });
  const layers = (told.data?.layers ?? []).map((layer) => ({ value: layer, label: layer }));
  const cut = String(
    valueAt(spec, ['model', 'layer']) ?? valueAt(completed, ['model', 'layer']) ?? '',
  );
  const kept = layers.slice(0, layers.findIndex(({ value }) => value === cut) + 1);
  if (models.isSuccess && fitting.length === 0) {
    return (
      <Text size="sm">
        There is no model of pictures to build on yet: train one first, or import one.
      </Text>
    );
  }
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
      <SpecChoice
        path={['model', 'base']}
        label="Model to build on"
        shown={name || null}
        clearable={false}
        searchable
        data={fitting.map((model) => ({ value: model.name, label: model.name }))}
        onPick={choose}
      />
      {chosen && (
        <>
          <SpecChoice
            path={['model', 'base']}
            label="Version of it"
            shown={version ?? null}
            placeholder={`newest (${chosen.latestVersion})`}
            data={(versions.data?.data ?? []).map((one) => ({
              value: String(one.version),
              label: String(one.version),
            }))}
            onPick={(picked) => choose(picked === undefined ? name : `${name}@${picked}`)}
          />
          <SpecChoice
            path={['model', 'layer']}
            label="Layer under the new head"
            placeholder={told.data?.features ?? undefined}
            searchable
            data={layers}
          />
          <SpecChoice
            path={['model', 'unfreeze']}
            label="What moves"
            searchable
            data={[
              { value: 'none', label: 'The new head alone' },
              { value: 'all', label: 'The whole model' },
              ...kept.map(({ value }) => ({ value, label: `From ${value} on` })),
            ]}
          />
        </>
      )}
    </SimpleGrid>
  );
}
