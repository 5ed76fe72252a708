import {
  Alert,
  Button,
  Group,
  ScrollArea,
  Skeleton,
  Stack,
  Table,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ApiKeyView, createKey, listKeys, revokeKey } from '@vanda/contracts';
import { useState } from 'react';
import { call } from '../../lib/call.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';

/** Make a key (shown once), see when each was last used, revoke. */
export function KeysSection() {
  const keys = useQuery(read(listKeys, { query: { limit: 200 } }));
  const [name, setName] = useState('');
  const make = useMutation({
    mutationFn: () => call(createKey, { body: { name } }),
    onSuccess: () => {
      setName('');
      refreshNoun('key');
    },
  });
  return (
    <Section title="API keys">
      <Stack gap="md">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() !== '') make.mutate();
          }}
        >
          <Group align="flex-end" gap="xs">
            <TextInput
              label="Name of a new key"
              placeholder="ci"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={100}
            />
            <Button type="submit" loading={make.isPending} disabled={name.trim() === ''}>
              Make a key
            </Button>
          </Group>
        </form>
        {make.error && <ProblemNote error={make.error} />}
        {make.data && (
          <Alert color="green" variant="light" title={`The key "${make.data.name}"`} role="status">
            <CopyText value={make.data.key} what="API key" />
            <Text size="sm">Copy it now: it is not shown again.</Text>
          </Alert>
        )}
        {keys.error && <ProblemNote error={keys.error} retry={() => void keys.refetch()} />}
        {keys.isPending && <Skeleton h={80} />}
        {keys.data?.data.length === 0 && (
          <EmptyNote
            title="No keys yet"
            text="A key lets a script, a pipeline or an app ask this server. Give it a name above."
          />
        )}
        {keys.data && keys.data.data.length > 0 && <KeyTable keys={keys.data.data} />}
      </Stack>
    </Section>
  );
}

function KeyTable({ keys }: { keys: ApiKeyView[] }) {
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="x"
      viewportProps={{ tabIndex: 0, 'aria-label': 'API keys' }}
    >
      <Table fz="sm" style={{ whiteSpace: 'nowrap' }}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Begins with</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((key) => (
            <Table.Tr key={key.id}>
              <Table.Td>{key.name}</Table.Td>
              <Table.Td className="mono">{key.prefix}…</Table.Td>
              <Table.Td>
                <TimeAgo at={key.createdAt} />
              </Table.Td>
              <Table.Td>{key.lastUsedAt ? <TimeAgo at={key.lastUsedAt} /> : 'never'}</Table.Td>
              <Table.Td ta="right">
                {key.revokedAt ? <StateBadge state="revoked" /> : <RevokeButton apiKey={key} />}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

/** The first press asks, the second does it. */
function RevokeButton({ apiKey }: { apiKey: ApiKeyView }) {
  const [asked, setAsked] = useState(false);
  const revoke = useMutation({
    mutationFn: () => call(revokeKey, { params: { id: apiKey.id } }),
    onSettled: () => refreshNoun('key'),
  });
  return (
    <Button
      size="compact-xs"
      variant={asked ? 'filled' : 'default'}
      color={asked ? 'red.8' : undefined}
      loading={revoke.isPending}
      aria-label={asked ? `Revoke for good: ${apiKey.name}` : `Revoke ${apiKey.name}`}
      onClick={() => (asked ? revoke.mutate() : setAsked(true))}
      onBlur={() => setAsked(false)}
    >
      {asked ? 'Revoke for good' : 'Revoke'}
    </Button>
  );
}
