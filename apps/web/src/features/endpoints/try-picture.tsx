import { Box, SegmentedControl, SimpleGrid, Stack } from '@mantine/core';
import { useEffect, useState } from 'react';
import { DropZone } from '../../ui/drop-zone.tsx';
import { DrawingBoard } from './drawing-board.tsx';
import { asInstance } from './picture-input.ts';
import { PredictionView } from './prediction-view.tsx';
import { type Asked, usePrediction } from './use-prediction.ts';

interface Props {
  asked: Asked;
  size: number;
  channels: number;
}

/** Drop a picture, or draw one where the model takes grey ones. */
export function TryPicture({ asked, size, channels }: Props) {
  const drawable = channels === 1 && size <= 64;
  const [way, setWay] = useState(drawable ? 'draw' : 'drop');
  const [shown, setShown] = useState<string | null>(null);
  const prediction = usePrediction(asked);
  useEffect(() => () => URL.revokeObjectURL(shown ?? ''), [shown]);
  const ask = async (file: Blob) => {
    setShown(URL.createObjectURL(file));
    prediction.ask(await asInstance(file).catch(() => ({ b64: '' })));
  };
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
      <Stack gap="sm" align="stretch">
        {drawable && (
          <SegmentedControl
            size="xs"
            aria-label="How to give a picture"
            value={way}
            onChange={setWay}
            data={[
              { value: 'draw', label: 'Draw' },
              { value: 'drop', label: 'Picture' },
            ]}
            style={{ alignSelf: 'flex-start' }}
          />
        )}
        {way === 'draw' ? (
          <DrawingBoard size={size} onDrawn={prediction.ask} onCleared={prediction.reset} />
        ) : (
          <>
            <DropZone
              label="Drop a picture here"
              hint="JPEG, PNG, WebP or GIF"
              filesOnly
              onFiles={(files) => {
                const [first] = files;
                if (first) void ask(first.file);
              }}
            />
            {shown && (
              <Box
                component="img"
                src={shown}
                alt="What was asked about"
                mah={160}
                maw="100%"
                style={{ objectFit: 'contain', borderRadius: 8, alignSelf: 'flex-start' }}
              />
            )}
          </>
        )}
      </Stack>
      <PredictionView
        answer={prediction.answer}
        error={prediction.error}
        pending={prediction.pending}
      />
    </SimpleGrid>
  );
}
