import { Button, Group, Select, Skeleton, Spoiler, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type DatasetVersion, listDatasets } from '@vanda/contracts';
import { useEffect, useState } from 'react';
import { count, counted } from '../../lib/format.ts';
import { read } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { PushForm } from '../datasets/push-form.tsx';
import { PushStatus } from '../datasets/push-status.tsx';
import { usePushes } from '../datasets/pushes.ts';
import { ReceiptNote } from '../datasets/receipt-note.tsx';
import { VersionContent } from '../datasets/version-view.tsx';

interface Props {
  /** NAME or NAME@VERSION of what is chosen. */
  chosen: string | undefined;
  version: DatasetVersion | undefined;
  error: unknown;
  onChoose: (reference: string | undefined) => void;
}

/** Choose or drop the data, and see at once what is in it. */
export function DataStep({ chosen, version, error, onChoose }: Props) {
  const [pushId, setPushId] = useState<string | null>(null);
  const push = usePushes().find((one) => one.id === pushId);
  const ready =
    push?.stage === 'done' && push.ingest?.version
      ? `${push.dataset}@${push.ingest.version}`
      : null;
  useEffect(() => {
    if (ready === null) return;
    setPushId(null);
    onChoose(ready);
  }, [ready, onChoose]);
  return (
    <Section title="1. Data">
      <Stack gap="md">
        {push ? (
          <PushStatus push={push} />
        ) : chosen === undefined ? (
          <Choose onChoose={onChoose} onPush={setPushId} />
        ) : (
          <Group justify="space-between">
            <Text size="sm">
              <b>{chosen}</b>
              {version &&
                ` · ${counted(version.items, version.kind === 'table' ? 'row' : 'picture')}`}
              {version && version.rejected > 0 && `, ${count(version.rejected)} rejected`}
            </Text>
            <Button size="compact-sm" variant="default" onClick={() => onChoose(undefined)}>
              Choose other data
            </Button>
          </Group>
        )}
        {error !== null && error !== undefined && <ProblemNote error={error} />}
        {chosen !== undefined && version === undefined && !error && <Skeleton h={200} />}
        {version && (
          <>
            {version.receipt && (version.rejected > 0 || version.receipt.warnings.length > 0) && (
              <ReceiptNote receipt={version.receipt} rejectedUrl={version.rejectedUrl} />
            )}
            <Spoiler maxHeight={430} showLabel="Show everything" hideLabel="Show less">
              <Stack gap="md">
                <VersionContent version={version} />
              </Stack>
            </Spoiler>
          </>
        )}
      </Stack>
    </Section>
  );
}

function Choose(props: { onChoose: (name: string) => void; onPush: (id: string) => void }) {
  const list = useQuery(read(listDatasets, { query: { limit: 1000 } }));
  const names = (list.data?.data ?? []).filter((one) => one.latestVersion > 0);
  return (
    <Stack gap="md">
      {names.length > 0 && (
        <Select
          label="A data set that is here"
          placeholder="Choose"
          searchable
          data={names.map((one) => ({
            value: `${one.name}@${one.latestVersion}`,
            label: `${one.name} (${counted(one.items, one.kind === 'table' ? 'row' : 'picture')})`,
          }))}
          onChange={(name) => name && props.onChoose(name)}
          maw={420}
        />
      )}
      <PushForm onStarted={({ id }) => props.onPush(id)} />
    </Stack>
  );
}
