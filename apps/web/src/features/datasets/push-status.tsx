import { Anchor, Button, Group, Progress, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { bytesText, count, counted, duration } from '../../lib/format.ts';
import { DropZone } from '../../ui/drop-zone.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { planPush } from './plan-push.ts';
import { cancelPush, dismissPush, offerFiles, type Push, retryPush } from './pushes.ts';

/** How far one push is, and what can be done about it. */
export function PushStatus({ push }: { push: Push }) {
  if (push.stage === 'needs-files') return <NeedsFiles push={push} />;
  if (push.stage === 'failed') {
    return (
      <Stack gap={4}>
        <Text size="sm" fw={600}>
          {push.dataset}
        </Text>
        <ProblemNote error={push.error} />
        <Group gap="xs">
          {push.ingest?.state !== 'failed' && (
            <Button size="xs" variant="default" onClick={() => retryPush(push.id)}>
              Try again
            </Button>
          )}
          <Button size="xs" variant="subtle" color="gray" onClick={() => void cancelPush(push.id)}>
            Dismiss
          </Button>
        </Group>
      </Stack>
    );
  }
  if (push.stage === 'done') return <Done push={push} />;
  const { value, text } = progressOf(push);
  return (
    <Stack gap={4}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={600} truncate>
          {push.dataset}
        </Text>
        {push.stage === 'uploading' && (
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            aria-label={`Cancel the upload of ${push.dataset}`}
            onClick={() => void cancelPush(push.id)}
          >
            Cancel
          </Button>
        )}
      </Group>
      <Progress value={value} aria-label={`Upload of ${push.dataset}`} size="sm" />
      <Text size="xs" c="dimmed" role="status">
        {text}
      </Text>
    </Stack>
  );
}

function progressOf(push: Push): { value: number; text: string } {
  if (push.stage === 'uploading') {
    const left = push.rate > 0 ? (push.bytes - push.sent) / push.rate : null;
    return {
      value: push.bytes === 0 ? 0 : (push.sent / push.bytes) * 100,
      text: `Uploading, ${bytesText(push.sent)} of ${bytesText(push.bytes)}${left === null ? '' : `, about ${duration(left)} left`}`,
    };
  }
  const progress = push.ingest?.progress;
  const eta = progress?.etaSeconds;
  return {
    value: progress?.percent ?? 0,
    text: `${progress?.note ?? (push.ingest?.state === 'running' ? 'Reading the data' : 'Waiting for a worker')}${eta ? `, about ${duration(eta)} left` : ''}`,
  };
}

function Done({ push }: { push: Push }) {
  const receipt = push.ingest?.receipt;
  return (
    <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
      <Text size="sm" role="status">
        <Anchor
          renderRoot={(props) => (
            <Link to="/datasets/$name" params={{ name: push.dataset }} {...props} />
          )}
        >
          {push.dataset} version {push.ingest?.version}
        </Anchor>{' '}
        {push.ingest?.reused ? 'was already here.' : 'is ready.'}
        {receipt && ` ${counted(receipt.accepted, 'item')} accepted`}
        {receipt && (receipt.rejected > 0 ? `, ${count(receipt.rejected)} rejected.` : '.')}
      </Text>
      <Button size="compact-xs" variant="subtle" color="gray" onClick={() => dismissPush(push.id)}>
        Dismiss
      </Button>
    </Group>
  );
}

function NeedsFiles({ push }: { push: Push }) {
  const [refusal, setRefusal] = useState<string | null>(null);
  return (
    <Stack gap="xs">
      <Text size="sm">
        The upload to <b>{push.dataset}</b> was interrupted. Choose the same files again; what has
        arrived is not sent twice.
      </Text>
      <DropZone
        label="Go on with the upload"
        hint={push.files
          .map((file) => file.filename)
          .slice(0, 3)
          .join(', ')}
        onFiles={(files) => setRefusal(offerFiles(push.id, planPush(files)))}
      />
      {refusal && (
        <Text size="sm" c="var(--vanda-bad)" role="alert">
          {refusal}
        </Text>
      )}
      <Button size="xs" variant="subtle" color="gray" onClick={() => void cancelPush(push.id)}>
        Give it up
      </Button>
    </Stack>
  );
}
