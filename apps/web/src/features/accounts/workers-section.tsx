import { Badge, Group, ScrollArea, Skeleton, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { listWorkers, type WorkerView } from '@vanda/contracts';
import { read } from '../../lib/queries.ts';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';

/** Who does the work. */
export function WorkersSection() {
  const workers = useQuery({
    ...read(listWorkers, { query: { limit: 200 } }),
    refetchInterval: 5000,
  });
  const rows = [...(workers.data?.data ?? [])].sort((a, b) => Number(b.live) - Number(a.live));
  return (
    <Section title="Workers">
      {workers.error && <ProblemNote error={workers.error} retry={() => void workers.refetch()} />}
      {workers.isPending && <Skeleton h={80} />}
      {workers.data && rows.length === 0 && (
        <EmptyNote
          title="No worker has announced itself"
          text="Jobs wait until one does. On this machine npm start runs one; on others, start apps/worker."
        />
      )}
      {rows.length > 0 && (
        <ScrollArea
          type="auto"
          offsetScrollbars="x"
          viewportProps={{ tabIndex: 0, 'aria-label': 'Workers' }}
        >
          <Table fz="sm" style={{ whiteSpace: 'nowrap' }}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Host</Table.Th>
                <Table.Th>State</Table.Th>
                <Table.Th>Roles</Table.Th>
                <Table.Th>Devices</Table.Th>
                <Table.Th ta="right">Busy</Table.Th>
                <Table.Th>Version</Table.Th>
                <Table.Th>Last heard of</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((worker) => (
                <WorkerRow key={worker.id} worker={worker} />
              ))}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      )}
    </Section>
  );
}

function WorkerRow({ worker }: { worker: WorkerView }) {
  return (
    <Table.Tr>
      <Table.Td title={worker.id}>{worker.hostname}</Table.Td>
      <Table.Td>{worker.live ? 'live' : 'gone'}</Table.Td>
      <Table.Td>
        <Group gap={4} wrap="nowrap">
          {worker.roles.map((role) => (
            <Badge key={role} variant="default" size="sm" tt="none">
              {role}
            </Badge>
          ))}
        </Group>
      </Table.Td>
      <Table.Td>{worker.devices.join(', ')}</Table.Td>
      <Table.Td ta="right">
        {worker.busy} of {worker.slots}
      </Table.Td>
      <Table.Td>{worker.version}</Table.Td>
      <Table.Td>
        <TimeAgo at={worker.heartbeatAt} />
      </Table.Td>
    </Table.Tr>
  );
}
