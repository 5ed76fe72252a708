import { Badge } from '@mantine/core';

const colours: Record<string, string> = {
  queued: 'gray',
  running: 'blue',
  cancelling: 'orange',
  pausing: 'orange',
  paused: 'gray',
  succeeded: 'green',
  failed: 'red',
  lost: 'red',
  timed_out: 'red',
  preempted: 'orange',
  cancelled: 'gray',
  ready: 'green',
  loading: 'blue',
  'no-server': 'orange',
};

/** A state by its word; the colour only repeats what the word says. */
export function StateBadge({ state }: { state: string }) {
  return (
    <Badge
      variant="light"
      color={colours[state] ?? 'gray'}
      size="sm"
      radius="sm"
      tt="none"
      autoContrast
      style={{ color: 'var(--mantine-color-text)', flexShrink: 0 }}
    >
      {state.replaceAll('_', ' ').replaceAll('-', ' ')}
    </Badge>
  );
}
