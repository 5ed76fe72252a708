import { Group, Progress, Text } from '@mantine/core';
import type { JobView } from '@vanda/contracts';

/** The state of a job as a sentence over a bar. Why it failed stands below, in full. */
export function JobProgressBar({ job }: { job: JobView }) {
  const percent = job.state === 'succeeded' ? 100 : (job.progress?.percent ?? 0);
  const colour =
    job.state === 'failed' ? 'red.7' : job.state === 'succeeded' ? 'green.8' : 'orchid';
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={6}>
        <Text fw={500} role="status">
          {job.failure ? 'Failed.' : job.sentence}
          {job.waiting && !job.sentence.includes(job.waiting) && ` (${job.waiting})`}
        </Text>
        <Text size="sm" c="dimmed">
          {Math.floor(percent)} %
        </Text>
      </Group>
      <Progress value={percent} color={colour} aria-label="Progress of the job" />
    </div>
  );
}
