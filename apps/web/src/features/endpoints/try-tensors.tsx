import { Button, JsonInput, SimpleGrid, Stack } from '@mantine/core';
import type { TensorField } from '@vanda/contracts';
import { useState } from 'react';
import { PredictionView } from './prediction-view.tsx';
import { type Asked, usePrediction } from './use-prediction.ts';
import { zeros } from './zeros.ts';

interface Props {
  asked: Asked;
  fields: TensorField[];
}

/** One instance as JSON: what a model takes that nothing more is known of than its tensors. */
export function TryTensors({ asked, fields }: Props) {
  const [text, setText] = useState(() => JSON.stringify(zeros(fields)));
  const prediction = usePrediction(asked);
  const instance = parsed(text);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
      <form
        aria-label="Tensors to predict"
        onSubmit={(event) => {
          event.preventDefault();
          if (instance !== undefined) prediction.ask(instance);
        }}
      >
        <Stack gap="xs">
          <JsonInput
            label="Inputs by name"
            description={fields.map(described).join(', ')}
            value={text}
            onChange={setText}
            autosize
            minRows={4}
            maxRows={14}
            error={instance === undefined ? 'This is not JSON.' : undefined}
            classNames={{ input: 'mono' }}
          />
          <Button
            type="submit"
            loading={prediction.pending}
            disabled={instance === undefined}
            style={{ alignSelf: 'flex-start' }}
          >
            Predict
          </Button>
        </Stack>
      </form>
      <PredictionView
        answer={prediction.answer}
        error={prediction.error}
        pending={prediction.pending}
      />
    </SimpleGrid>
  );
}

function described({ name, dtype, shape }: TensorField): string {
  return `${name}: ${dtype} [${shape.join(', ')}]`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
