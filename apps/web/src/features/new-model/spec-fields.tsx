import { NumberInput, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import { useField } from './draft-context.ts';
import type { Path } from './draft-text.ts';

interface Shared {
  path: Path;
  label: string;
  description?: string;
}

/** Fields that are left out show, as their placeholder, the default that fits the data. */
function placeholder(usual: unknown): string | undefined {
  if (usual === undefined) return undefined;
  if (usual === null) return 'off';
  return Array.isArray(usual) ? usual.join(', ') : String(usual);
}

export function SpecText({ path, ...rest }: Shared) {
  const field = useField(path);
  return (
    <TextInput
      {...rest}
      value={typeof field.value === 'string' ? field.value : ''}
      placeholder={placeholder(field.usual)}
      error={field.error}
      disabled={field.disabled}
      onChange={(event) => field.set(event.currentTarget.value || undefined)}
    />
  );
}

export function SpecNumber({ path, step, ...rest }: Shared & { step?: number }) {
  const field = useField(path);
  return (
    <NumberInput
      {...rest}
      step={step}
      value={typeof field.value === 'number' ? field.value : ''}
      placeholder={placeholder(field.usual)}
      error={field.error}
      disabled={field.disabled}
      hideControls
      onChange={(value) => field.set(value === '' ? undefined : Number(value))}
    />
  );
}

interface ChoiceProps extends Shared {
  data: { value: string; label: string }[];
  /** Called in place of setting the value, where a choice changes more than its own field. */
  onPick?: (value: string | undefined) => void;
  /** What stands in the field, where that is not the value itself. */
  shown?: string | null;
  placeholder?: string | undefined;
  clearable?: boolean;
  inputWrapperOrder?: ('label' | 'input' | 'description' | 'error')[];
  searchable?: boolean;
}

export function SpecChoice({
  path,
  data,
  onPick,
  shown,
  placeholder,
  clearable = true,
  searchable,
  ...rest
}: ChoiceProps) {
  const field = useField(path);
  const usual = data.find((one) => one.value === String(field.usual));
  const pick = onPick ?? field.set;
  const own = field.value === undefined || field.value === null ? null : String(field.value);
  return (
    <Select
      {...rest}
      data={data}
      value={shown === undefined ? own : shown}
      placeholder={usual?.label ?? placeholder}
      error={field.error}
      disabled={field.disabled}
      clearable={clearable}
      clearButtonProps={{ 'aria-label': `Use the default for ${rest.label}` }}
      allowDeselect={false}
      searchable={searchable}
      onChange={(value) => pick(value ?? undefined)}
    />
  );
}

/** A list of whole numbers, like the sizes of hidden layers. */
export function SpecNumbers({ path, ...rest }: Shared) {
  const field = useField(path);
  return (
    <TagsInput
      {...rest}
      allowDuplicates
      value={Array.isArray(field.value) ? field.value.map(String) : []}
      placeholder={Array.isArray(field.value) ? undefined : placeholder(field.usual)}
      error={field.error}
      disabled={field.disabled}
      onChange={(values) => {
        const numbers = values.map(Number).filter(Number.isFinite);
        field.set(numbers.length === 0 ? undefined : numbers);
      }}
    />
  );
}

export function SpecSwitch({ path, ...rest }: Shared) {
  const field = useField(path);
  return (
    <Switch
      {...rest}
      checked={Boolean(field.value ?? field.usual ?? false)}
      error={field.error}
      disabled={field.disabled}
      onChange={(event) => field.set(event.currentTarget.checked)}
    />
  );
}
