import { Fieldset, MultiSelect, SimpleGrid, Stack, Switch } from '@mantine/core';
import { useDraft, useField } from './draft-context.ts';
import { valueAt } from './draft-text.ts';
import { SpecChoice, SpecNumber, SpecNumbers, SpecSwitch } from './spec-fields.tsx';

const same = (values: string[]) => values.map((value) => ({ value, label: value }));
const cols = { base: 1, xs: 2 };

/** Every other field of the spec; an empty one takes the default that it shows. */
export function MoreFields({ columns }: { columns: string[] }) {
  return (
    <Stack gap="sm">
      <ModelFields columns={columns} />
      <TrainingFields />
      <Fieldset legend="Split">
        <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm">
          <SpecNumber path={['split', 'validation']} label="Validation share" step={0.05} />
          <SpecNumber path={['split', 'test']} label="Test share" step={0.05} />
          <SpecNumber path={['split', 'seed']} label="Seed" />
        </SimpleGrid>
      </Fieldset>
      <Fieldset legend="Resources">
        <SimpleGrid cols={cols} spacing="sm">
          <SpecChoice
            path={['resources', 'device']}
            label="Device"
            data={same(['auto', 'cpu', 'gpu'])}
          />
          <SpecNumber path={['resources', 'priority']} label="Priority" />
          <SpecNumber path={['resources', 'timeoutMinutes']} label="Time limit (minutes)" />
          <SpecNumber path={['resources', 'retries']} label="Retries" />
        </SimpleGrid>
      </Fieldset>
    </Stack>
  );
}

function ModelFields({ columns }: { columns: string[] }) {
  const { spec, completed } = useDraft();
  const kind = valueAt(spec, ['model', 'kind']) ?? valueAt(completed, ['model', 'kind']);
  const pictures = spec?.task === 'image-classification';
  return (
    <Fieldset legend="Model">
      <SimpleGrid cols={cols} spacing="sm">
        {kind === 'mlp' && (
          <>
            <SpecNumbers path={['model', 'hidden']} label="Hidden layers" />
            <SpecChoice
              path={['model', 'activation']}
              label="Activation"
              data={same(['relu', 'tanh', 'sigmoid', 'gelu', 'silu', 'elu', 'leaky-relu'])}
            />
          </>
        )}
        {kind === 'cnn' && (
          <>
            <SpecNumbers path={['model', 'filters']} label="Filters of each block" />
            <SpecNumber path={['model', 'dense']} label="Dense layer" />
          </>
        )}
        {kind !== 'linear' && (
          <SpecNumber path={['model', 'dropout']} label="Dropout" step={0.05} />
        )}
        {kind === 'cnn' && <SpecSwitch path={['model', 'batchNorm']} label="Batch normalisation" />}
        {pictures && (
          <>
            <SpecNumber path={['model', 'input', 'size']} label="Picture size (pixels)" />
            <Channels />
          </>
        )}
        {!pictures && columns.length > 0 && <Excluded columns={columns} />}
      </SimpleGrid>
    </Fieldset>
  );
}

function Channels() {
  const field = useField(['model', 'input', 'channels']);
  return (
    <SpecChoice
      path={['model', 'input', 'channels']}
      label="Colours"
      data={[
        { value: '1', label: 'Grey' },
        { value: '3', label: 'Colour' },
      ]}
      onPick={(value) => field.set(value === undefined ? undefined : Number(value))}
    />
  );
}

function Excluded({ columns }: { columns: string[] }) {
  const field = useField(['columns', 'exclude']);
  return (
    <MultiSelect
      label="Columns to leave out"
      data={columns}
      value={Array.isArray(field.value) ? field.value.map(String) : []}
      error={field.error}
      searchable
      onChange={(values) => field.set(values.length === 0 ? undefined : values)}
    />
  );
}

function TrainingFields() {
  const { spec, set } = useDraft();
  const stopping = useField(['training', 'earlyStopping']);
  const optimizer = valueAt(spec, ['training', 'optimizer', 'kind']);
  return (
    <Fieldset legend="Training">
      <SimpleGrid cols={cols} spacing="sm">
        <SpecNumber path={['training', 'epochs']} label="Epochs" />
        <SpecNumber path={['training', 'batchSize']} label="Batch size" />
        <SpecChoice
          path={['training', 'optimizer', 'kind']}
          label="Optimizer"
          data={same(['sgd', 'momentum', 'adam', 'adamw'])}
          onPick={(kind) =>
            set(['training', 'optimizer'], kind === undefined ? undefined : { kind })
          }
        />
        <SpecNumber
          path={['training', 'optimizer', 'learningRate']}
          label="Learning rate"
          step={0.0001}
        />
        {optimizer === 'adamw' && (
          <SpecNumber path={['training', 'optimizer', 'weightDecay']} label="Weight decay" />
        )}
        {optimizer === 'momentum' && (
          <SpecNumber path={['training', 'optimizer', 'momentum']} label="Momentum" />
        )}
        <SpecChoice
          path={['training', 'schedule', 'kind']}
          label="Learning rate over time"
          data={same(['constant', 'step', 'exponential', 'cosine'])}
          onPick={(kind) =>
            set(['training', 'schedule'], kind === undefined ? undefined : { kind })
          }
        />
        <SpecNumber path={['training', 'l2']} label="L2" />
        <SpecNumber path={['training', 'seed']} label="Seed" />
        <SpecNumber
          path={['training', 'earlyStopping', 'patience']}
          label="Stop after epochs without progress"
        />
      </SimpleGrid>
      <Switch
        mt="sm"
        label="Stop early"
        checked={stopping.value !== null}
        onChange={(event) => stopping.set(event.currentTarget.checked ? undefined : null)}
      />
    </Fieldset>
  );
}
