import { Text } from '@mantine/core';
import type { TimeEstimate as Estimate } from '@vanda/contracts';

/** How long it may take, as far as the server can tell. */
export function TimeEstimate({ estimate }: { estimate: Estimate | null }) {
  return (
    <Text size="sm" c="dimmed" aria-live="polite" data-testid="time-estimate">
      {estimate?.sentence ??
        'The time is known after the first epochs; the job page shows what is left.'}
    </Text>
  );
}
