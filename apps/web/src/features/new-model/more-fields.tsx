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
      <AugmentFields />
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
          <SpecNumber path={['resources', 'memoryMiB']} label="Memory limit (MiB)" />
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
        {(kind === 'mlp' || kind === 'retrain') && (
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
            {kind !== 'retrain' && <Channels />}
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
  const { spec, completed, set } = useDraft();
  const stopping = useField(['training', 'earlyStopping']);
  const optimizer =
    valueAt(spec, ['training', 'optimizer', 'kind']) ??
    valueAt(completed, ['training', 'optimizer', 'kind']);
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
        <OptimizerFields kind={optimizer} />
        <SpecChoice
          path={['training', 'schedule', 'kind']}
          label="Learning rate over time"
          data={same(['constant', 'step', 'exponential', 'cosine'])}
          onPick={(kind) =>
            set(['training', 'schedule'], kind === undefined ? undefined : { kind })
          }
        />
        <ScheduleFields />
        <SpecNumber path={['training', 'l2']} label="L2" />
        <SpecNumber path={['training', 'seed']} label="Seed" />
        <Precision />
        <SpecNumber
          path={['training', 'earlyStopping', 'patience']}
          label="Epochs without progress"
        />
        <SpecNumber
          path={['training', 'earlyStopping', 'minDelta']}
          label="What counts as progress"
          step={0.0001}
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

/** Who takes the faster one hears at once where it runs, and not from a job that was refused. */
function Precision() {
  const { value } = useField(['training', 'precision']);
  return (
    <SpecChoice
      path={['training', 'precision']}
      label="Precision"
      description={
        value === 'bfloat16'
          ? 'For workers with AVX-512 BF16 or AMX; others refuse the job. The model is served in float32.'
          : undefined
      }
      inputWrapperOrder={['label', 'input', 'description', 'error']}
      data={[
        { value: 'float32', label: 'float32' },
        { value: 'bfloat16', label: 'bfloat16, mixed' },
      ]}
    />
  );
}

/** What is done to the pictures that the model trains on, a little different in each epoch. */
function AugmentFields() {
  const { spec } = useDraft();
  if (spec?.task !== 'image-classification') return null;
  const at = (name: string) => ['training', 'augment', name];
  return (
    <Fieldset legend="Vary the pictures">
      <SimpleGrid cols={cols} spacing="sm">
        <SpecNumber path={at('crop')} label="Cut away (share)" step={0.05} />
        <SpecNumber path={at('rotate')} label="Rotation (degrees)" step={5} />
        <SpecNumber path={at('brightness')} label="Brightness" step={0.05} />
        <SpecNumber path={at('contrast')} label="Contrast" step={0.05} />
        <SpecSwitch path={at('flip')} label="Mirror left and right" />
      </SimpleGrid>
    </Fieldset>
  );
}

function OptimizerFields({ kind }: { kind: unknown }) {
  const at = (name: string) => ['training', 'optimizer', name];
  if (kind === 'momentum') {
    return (
      <>
        <SpecNumber path={at('momentum')} label="Momentum" step={0.05} />
        <SpecSwitch path={at('nesterov')} label="Nesterov" />
      </>
    );
  }
  if (kind !== 'adam' && kind !== 'adamw') return null;
  return (
    <>
      <SpecNumber path={at('beta1')} label="Beta 1" step={0.01} />
      <SpecNumber path={at('beta2')} label="Beta 2" step={0.001} />
      {kind === 'adamw' && <SpecNumber path={at('weightDecay')} label="Weight decay" step={0.01} />}
    </>
  );
}

function ScheduleFields() {
  const { spec } = useDraft();
  const at = (name: string) => ['training', 'schedule', name];
  const kind = valueAt(spec, at('kind'));
  if (kind === undefined) return null;
  return (
    <>
      <SpecNumber path={at('warmupEpochs')} label="Epochs of warm-up" />
      {(kind === 'step' || kind === 'exponential') && (
        <SpecNumber path={at('factor')} label="Factor by which it falls" step={0.1} />
      )}
      {kind === 'step' && <SpecNumber path={at('everyEpochs')} label="Epochs between two falls" />}
    </>
  );
}
