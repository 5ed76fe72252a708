import { Button, Group, Text, Timeline } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery } from '@tanstack/react-query';
import { getLedger, type LedgerView, rollbackEndpoint } from '@vanda/contracts';
import { call } from '../../lib/call.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';

const words: Record<LedgerView['action'], string> = {
  create: 'Created with',
  deploy: 'Deployed',
  rollback: 'Rolled back to',
  delete: 'Deleted at',
};

/** Every change of an endpoint, newest first, with the way back. */
export function LedgerTimeline({ name, version }: { name: string; version: number }) {
  const ledger = useQuery(read(getLedger, { params: { name }, query: { limit: 200 } }));
  const rollback = useMutation({
    mutationFn: (to: number) => call(rollbackEndpoint, { params: { name }, body: { to } }),
    onSuccess: (endpoint) => {
      refreshNoun('endpoint');
      notifications.show({
        title: 'Rolled back',
        message: `${name} serves version ${endpoint.version} again.`,
      });
    },
  });
  if (ledger.error) return <ProblemNote error={ledger.error} retry={() => void ledger.refetch()} />;
  const entries = ledger.data?.data ?? [];
  return (
    <>
      {rollback.error && <ProblemNote error={rollback.error} />}
      <Timeline bulletSize={14} lineWidth={2} active={entries.length}>
        {entries.map((entry, index) => (
          <Timeline.Item key={entry.seq}>
            <Group justify="space-between" gap="xs" align="flex-start">
              <div>
                <Text size="sm" fw={500}>
                  {words[entry.action]} version {entry.version}
                </Text>
                <Text size="xs" c="dimmed">
                  {entry.actor}, <TimeAgo at={entry.at} />
                </Text>
              </div>
              {index > 0 && entry.version !== version && entry.action !== 'delete' && (
                <Button
                  size="compact-xs"
                  variant="default"
                  loading={rollback.isPending && rollback.variables === entry.seq}
                  disabled={rollback.isPending}
                  onClick={() => rollback.mutate(entry.seq)}
                  aria-label={`Roll back to here: version ${entry.version}, change ${entry.seq}`}
                >
                  Roll back to here
                </Button>
              )}
            </Group>
          </Timeline.Item>
        ))}
      </Timeline>
    </>
  );
}
