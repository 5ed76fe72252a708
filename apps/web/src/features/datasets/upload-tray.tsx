import { Paper, Stack } from '@mantine/core';
import { useEffect } from 'react';
import { PushStatus } from './push-status.tsx';
import { resumePushes, usePushes } from './pushes.ts';

/** Uploads go on while somebody looks at other pages; here they can be seen and stopped. */
export function UploadTray() {
  const pushes = usePushes();
  useEffect(() => {
    void resumePushes();
  }, []);
  if (pushes.length === 0) return null;
  return (
    <Paper
      component="section"
      aria-label="Uploads"
      withBorder
      shadow="md"
      p="sm"
      pos="fixed"
      right={16}
      bottom={16}
      w="min(360px, calc(100vw - 32px))"
      mah="60vh"
      style={{ zIndex: 50, overflowY: 'auto' }}
    >
      <Stack gap="md">
        {pushes.map((push) => (
          <PushStatus key={push.id} push={push} />
        ))}
      </Stack>
    </Paper>
  );
}
