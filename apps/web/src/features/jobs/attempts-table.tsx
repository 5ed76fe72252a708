import { ScrollArea, Table, Text } from '@mantine/core';
import type { AttemptView } from '@vanda/contracts';
import { count, duration } from '../../lib/format.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';

/** Every try at running a job, with the reason why it ended. */
export function AttemptsTable({ attempts }: { attempts: AttemptView[] }) {
  if (attempts.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        No worker has taken it yet.
      </Text>
    );
  }
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="x"
      viewportProps={{ tabIndex: 0, 'aria-label': 'Attempts' }}
    >
      <Table fz="sm" miw={760} style={{ whiteSpace: 'nowrap' }}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>#</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Worker</Table.Th>
            <Table.Th>From step</Table.Th>
            <Table.Th>Points received / produced</Table.Th>
            <Table.Th>Began</Table.Th>
            <Table.Th>Took</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {attempts.map((attempt) => (
            <AttemptRows key={attempt.id} attempt={attempt} />
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

function AttemptRows({ attempt }: { attempt: AttemptView }) {
  const end = attempt.finishedAt ? new Date(attempt.finishedAt).getTime() : Date.now();
  return (
    <>
      <Table.Tr>
        <Table.Td>{attempt.number}</Table.Td>
        <Table.Td>
          <StateBadge state={attempt.state} />
        </Table.Td>
        <Table.Td>
          <CopyText value={attempt.worker} what="worker" shown={attempt.worker.slice(0, 24)} />
        </Table.Td>
        <Table.Td>{count(attempt.startStep)}</Table.Td>
        <Table.Td>
          {count(attempt.received)} / {count(attempt.produced)}
        </Table.Td>
        <Table.Td>
          <TimeAgo at={attempt.startedAt} />
        </Table.Td>
        <Table.Td>{duration((end - new Date(attempt.startedAt).getTime()) / 1000)}</Table.Td>
      </Table.Tr>
      {attempt.failure && (
        <Table.Tr>
          <Table.Td />
          <Table.Td colSpan={6}>
            <Text size="sm" c="var(--vanda-bad)" style={{ whiteSpace: 'normal' }}>
              {attempt.failure.message} <code>{attempt.failure.code}</code>
            </Text>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}
