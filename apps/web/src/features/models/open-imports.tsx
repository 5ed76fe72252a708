import { Anchor, Group, Loader, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { listImports, type ModelImportView } from '@vanda/contracts';
import { useEffect, useRef } from 'react';
import { read, refreshNoun } from '../../lib/queries.ts';
import { Section } from '../../ui/section.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';

const pollMs = 700;
const shownForMs = 3_600_000;

export function waits({ state }: ModelImportView): boolean {
  return state === 'queued' || state === 'running';
}

/** What is being imported now, and how the last ones ended. */
export function OpenImports() {
  const imports = useQuery({
    ...read(listImports, { query: { limit: 5 } }),
    refetchInterval: (query) => (query.state.data?.data.some(waits) ? pollMs : false),
  });
  const rows = imports.data?.data ?? [];
  const open = rows.filter(waits).length;
  const before = useRef(open);
  useEffect(() => {
    if (open < before.current) refreshNoun('model');
    before.current = open;
  }, [open]);
  const shown = rows.filter(
    (row) => waits(row) || Date.now() - Date.parse(row.createdAt) < shownForMs,
  );
  if (shown.length === 0) return null;
  return (
    <Section title="Imports">
      <Stack gap="xs" aria-live="polite">
        {shown.map((row) => (
          <ImportLine key={row.id} row={row} />
        ))}
      </Stack>
    </Section>
  );
}

function ImportLine({ row }: { row: ModelImportView }) {
  const { model, version, failure } = row;
  const name = row.backbone ?? model;
  if (waits(row)) {
    return (
      <Group gap="xs" wrap="nowrap" role="status">
        <Loader size="xs" />
        <Text size="sm">
          {name}: {row.state === 'queued' ? 'waits for a worker' : (row.note ?? 'begins')}
        </Text>
      </Group>
    );
  }
  return (
    <Group gap="xs" justify="space-between">
      {failure ? (
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {name}: <span style={{ color: 'var(--mantine-color-error)' }}>{failure.message}</span>
        </Text>
      ) : (
        <Anchor
          size="sm"
          renderRoot={(props) => <Link to="/models/$name" params={{ name: model }} {...props} />}
        >
          {model}
          {version !== null && `@${version}`}
        </Anchor>
      )}
      <Text size="xs" c="dimmed">
        <TimeAgo at={row.finishedAt ?? row.createdAt} />
      </Text>
    </Group>
  );
}
