import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type JobView, listJobs } from '@vanda/contracts';
import { duration } from '../../lib/format.ts';
import { read } from '../../lib/queries.ts';
import { valueAt } from './draft-text.ts';

/** How long it may take, from the last job of the same kind of model on the same data. */
export function TimeEstimate({ spec }: { spec: Record<string, unknown> | null }) {
  const jobs = useQuery(read(listJobs, { query: { limit: 200, state: 'succeeded' } }));
  const before = jobs.data?.data.find((job) => isAlike(job, spec));
  const epochs = Number(valueAt(spec, ['training', 'epochs']));
  if (before === undefined || !Number.isFinite(epochs)) {
    return (
      <Text size="sm" c="dimmed">
        The time is known after the first epochs; the job page shows what is left.
      </Text>
    );
  }
  const ran = Number(before.progress?.epoch ?? valueAt(before.spec, ['training', 'epochs']));
  const took = secondsOf(before);
  return (
    <Text size="sm" c="dimmed">
      About {duration((took / Math.max(1, ran)) * epochs)}: the last such job took {duration(took)}{' '}
      for {ran} epochs.
    </Text>
  );
}

function secondsOf(job: JobView): number {
  if (job.startedAt === null || job.finishedAt === null) return 0;
  return (new Date(job.finishedAt).getTime() - new Date(job.startedAt).getTime()) / 1000;
}

function isAlike(job: JobView, spec: Record<string, unknown> | null): boolean {
  const dataset = String(spec?.dataset ?? '').split('@')[0];
  return (
    job.dataset.name === dataset &&
    job.task === spec?.task &&
    valueAt(job.spec, ['model', 'kind']) === valueAt(spec, ['model', 'kind'])
  );
}
