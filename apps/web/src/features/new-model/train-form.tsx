import { Button, Collapse, SimpleGrid, Stack, Switch, Text } from '@mantine/core';
import { type DatasetVersion, tasks } from '@vanda/contracts';
import { useState } from 'react';
import { say } from '../../lib/format.ts';
import { BaseFields } from './base-fields.tsx';
import { useDraft } from './draft-context.ts';
import { valueAt } from './draft-text.ts';
import { guessTarget, guessTask } from './guess-spec.ts';
import { MoreFields } from './more-fields.tsx';
import { SpecChoice, SpecNumber, SpecText } from './spec-fields.tsx';

/** What has to be decided, and behind *more* what can be. */
export function TrainForm({ version }: { version: DatasetVersion | undefined }) {
  const { spec, set } = useDraft();
  const [more, setMore] = useState(false);
  const pictures = spec?.task === 'image-classification';
  const columns = version?.profile.kind === 'table' ? version.profile.columns : [];
  const deploys = spec?.deploy !== undefined && spec.deploy !== null;
  const fitting = tasks.filter(
    (task) =>
      version === undefined || (task === 'image-classification') === (version.kind === 'images'),
  );
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        The task is guessed from the data and can be changed; what is left empty has a default that
        fits.
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
        <SpecText path={['name']} label="Name of the model" />
        <SpecChoice
          path={['task']}
          label="Task"
          clearable={false}
          data={fitting.map((task) => ({ value: task, label: say(task) }))}
          onPick={(task) => {
            set(['task'], task);
            if (task === 'image-classification') set(['target'], undefined);
            else if (spec?.target === undefined) set(['target'], guessTarget(columns));
          }}
        />
        {!pictures && (
          <SpecChoice
            path={['target']}
            label="Column to predict"
            clearable={false}
            searchable
            data={columns.map((column) => ({ value: column.name, label: column.name }))}
            onPick={(target) => {
              set(['target'], target);
              if (version) set(['task'], guessTask(version, target));
            }}
          />
        )}
        <SpecChoice
          path={['model', 'kind']}
          label="Kind of model"
          data={[
            { value: 'linear', label: 'Linear' },
            { value: 'mlp', label: 'Neural network (mlp)' },
            ...(pictures
              ? [
                  { value: 'cnn', label: 'Convolutional (cnn)' },
                  { value: 'retrain', label: 'Retrain a model' },
                ]
              : []),
          ]}
          onPick={(kind) => set(['model'], kind === undefined ? undefined : { kind })}
        />
      </SimpleGrid>
      {pictures && valueAt(spec, ['model', 'kind']) === 'retrain' && <BaseFields />}
      <Switch
        label="Put it at a URL when it is trained"
        checked={deploys}
        onChange={(event) =>
          set(['deploy'], event.currentTarget.checked ? { endpoint: spec?.name ?? '' } : undefined)
        }
      />
      {deploys && <SpecText path={['deploy', 'endpoint']} label="Name of the endpoint" />}
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        onClick={() => setMore(!more)}
        aria-expanded={more}
        style={{ alignSelf: 'flex-start' }}
      >
        {more ? 'Less' : 'More'}
      </Button>
      <Collapse expanded={more} keepMounted={false}>
        <Stack gap="sm">
          {deploys && <Bounds regression={spec?.task === 'tabular-regression'} />}
          <MoreFields columns={columns.map((column) => column.name)} />
        </Stack>
      </Collapse>
    </Stack>
  );
}

/** Below this on the test split the version is kept and not deployed. */
function Bounds({ regression }: { regression: boolean }) {
  const metric = regression ? 'r2' : 'accuracy';
  return (
    <SpecNumber
      path={['deploy', 'minimum', metric]}
      label={`Deploy only from this ${say(metric)}`}
      step={0.01}
    />
  );
}
