import { Group, Progress, Stack, Text } from '@mantine/core';
import type { Ingest } from '@vanda/contracts';
import { count, counted } from '../../lib/format.ts';
import { Section } from '../../ui/section.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';

/** Every push to a dataset with what came of it. */
export function PushHistory({ ingests }: { ingests: Ingest[] }) {
  if (ingests.length === 0) return null;
  return (
    <Section title="Pushes">
      <Stack gap="sm">
        {ingests.map((ingest) => (
          <div key={ingest.id}>
            <Group gap="sm">
              <StateBadge state={ingest.state} />
              <Text size="sm">{sentence(ingest)}</Text>
              <Text size="xs" c="dimmed">
                <TimeAgo at={ingest.createdAt} />
              </Text>
            </Group>
            {ingest.state === 'running' && ingest.progress && (
              <Progress
                value={ingest.progress.percent}
                size="sm"
                mt={4}
                aria-label="Reading the data"
              />
            )}
          </div>
        ))}
      </Stack>
    </Section>
  );
}

function sentence(ingest: Ingest): string {
  if (ingest.failure) return ingest.failure.message;
  if (ingest.state === 'queued') return 'Waiting for a worker.';
  if (ingest.state === 'running') return ingest.progress?.note ?? 'Reading the data.';
  const taken = ingest.receipt
    ? `${counted(ingest.receipt.accepted, 'item')} accepted, ${count(ingest.receipt.rejected)} rejected`
    : 'done';
  return ingest.reused
    ? `Version ${ingest.version} already had this content (${taken}).`
    : `Version ${ingest.version}: ${taken}.`;
}
