import { Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getJobSignature, type JobPreview, type JobView, predictJob } from '@vanda/contracts';
import { type ReactNode, useCallback, useState } from 'react';
import { call } from '../../lib/call.ts';
import { read } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { TryForm } from '../endpoints/try-form.tsx';
import { isActive } from './job-state.ts';
import { guessingText, previewText } from './preview-text.ts';

interface Props {
  job: JobView;
  /** What is said above the form once the job has made its model. */
  made?: ReactNode;
}

/**
 * Tries a job: its best epoch so far as soon as that does better than guessing, and in the same form, with what is
 * drawn or filled in, the model that it makes in the end.
 */
export function TryJob({ job, made }: Props) {
  const { preview, model } = job;
  const open = useOnceTrue(model !== null || preview?.goodEnough === true);
  const over = model === null && (job.state === 'failed' || job.state === 'cancelled');
  if (over) {
    return (
      <Text size="sm" c="dimmed">
        There is no model to try: the job did not succeed.
      </Text>
    );
  }
  return (
    <Stack gap="md">
      {model === null ? (
        <Stack gap={2}>
          {open && preview && <Text size="sm">{previewText(preview)}</Text>}
          <Text size="sm" c="dimmed" role="status">
            {waitingText(preview, open)}
          </Text>
        </Stack>
      ) : (
        made
      )}
      {open && <Form job={job} revision={model ?? `epoch ${preview?.epoch}`} />}
    </Stack>
  );
}

function waitingText(preview: JobPreview | null, open: boolean): string {
  if (open) return 'Try it while it trains on: a better epoch takes its place by itself.';
  if (preview !== null) return guessingText(preview);
  return 'It appears here by itself as soon as the training has learned something.';
}

function Form({ job: { id, state }, revision }: { job: JobView; revision: string }) {
  const signature = useQuery({
    ...read(getJobSignature, { params: { id } }),
    // Of one job it never changes.
    staleTime: Number.POSITIVE_INFINITY,
  });
  const predict = useCallback(
    (instances: unknown[]) => call(predictJob, { params: { id }, body: { instances } }),
    [id],
  );
  if (signature.data) return <TryForm signature={signature.data} asked={{ predict, revision }} />;
  if (!signature.error) return <Skeleton h={180} />;
  return isActive(state) ? (
    <ProblemNote error={signature.error} retry={() => void signature.refetch()} />
  ) : (
    <Text size="sm" c="dimmed">
      {signature.error.message}
    </Text>
  );
}

/** What was open stays open: a form does not vanish from under the hands that fill it. */
function useOnceTrue(now: boolean): boolean {
  const [ever, setEver] = useState(now);
  if (now && !ever) setEver(true);
  return ever || now;
}
