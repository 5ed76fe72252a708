import {
  Autocomplete,
  Button,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  TextInput,
} from '@mantine/core';
import type { ModelSignature } from '@vanda/contracts';
import { useState } from 'react';
import { PredictionView } from './prediction-view.tsx';
import { type Asked, usePrediction } from './use-prediction.ts';

type Field = Extract<ModelSignature['input'], { kind: 'row' }>['fields'][number];
type Value = string | number | boolean | null;

interface Props {
  asked: Asked;
  fields: Field[];
  output: ModelSignature['output'];
}

/** A form with the model's fields, filled with typical values; an empty field is a missing value. */
export function TryRow({ asked, fields, output }: Props) {
  const [row, setRow] = useState<Record<string, Value>>(() =>
    Object.fromEntries(fields.map((field) => [field.name, field.example])),
  );
  const prediction = usePrediction(asked);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
      <form
        aria-label="A row to predict"
        onSubmit={(event) => {
          event.preventDefault();
          prediction.ask(row);
        }}
      >
        <Stack gap="xs">
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
            {fields.map((field) => (
              <FieldInput
                key={field.name}
                field={field}
                value={row[field.name] ?? null}
                onChange={(value) => setRow({ ...row, [field.name]: value })}
              />
            ))}
          </SimpleGrid>
          <Button type="submit" loading={prediction.pending} style={{ alignSelf: 'flex-start' }}>
            Predict
          </Button>
        </Stack>
      </form>
      <PredictionView
        answer={prediction.answer}
        error={prediction.error}
        pending={prediction.pending}
        target={output.kind === 'number' ? output.target : undefined}
      />
    </SimpleGrid>
  );
}

interface InputProps {
  field: Field;
  value: Value;
  onChange: (value: Value) => void;
}

function FieldInput({ field, value, onChange }: InputProps) {
  const shared = {
    label: field.name,
    placeholder: field.optional ? 'missing' : undefined,
    size: 'sm' as const,
  };
  switch (field.type) {
    case 'number':
      return (
        <NumberInput
          {...shared}
          value={typeof value === 'number' ? value : ''}
          onChange={(next) => onChange(next === '' ? null : Number(next))}
          hideControls
        />
      );
    case 'boolean':
      return (
        <Select
          {...shared}
          data={['true', 'false']}
          clearable
          clearButtonProps={{ 'aria-label': `Make ${field.name} missing` }}
          value={value === null ? null : String(value)}
          onChange={(next) => onChange(next === null ? null : next === 'true')}
        />
      );
    case 'category':
      return (
        <Autocomplete
          {...shared}
          data={(field.values ?? []).slice(0, 1000)}
          limit={50}
          value={value === null ? '' : String(value)}
          onChange={(next) => onChange(next === '' ? null : next)}
        />
      );
    case 'date':
      return (
        <TextInput
          {...shared}
          placeholder={shared.placeholder ?? 'YYYY-MM-DD'}
          value={value === null ? '' : String(value)}
          onChange={(event) => onChange(event.currentTarget.value || null)}
        />
      );
  }
}
