import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { JobView } from '@vanda/contracts';
import { Section } from '../../ui/section.tsx';
import { CancelButton } from '../jobs/cancel-button.tsx';
import { curvesOf, stepOfEpoch } from '../jobs/curve-series.ts';
import { Curves } from '../jobs/curves.tsx';
import { JobProgressBar } from '../jobs/job-progress-bar.tsx';
import type { useLiveJob } from '../jobs/use-live-job.ts';

interface Props {
  job: JobView;
  curves: ReturnType<typeof useLiveJob>['curves']['data'];
}

/** The second step after its button was pressed. */
export function LiveTraining({ job, curves }: Props) {
  return (
    <Section
      title="2. Train"
      actions={
        <Group gap="xs">
          <CancelButton job={job} />
          <Button
            variant="default"
            renderRoot={(props) => <Link to="/jobs/$id" params={{ id: job.id }} {...props} />}
          >
            Open the job
          </Button>
          <Button
            variant="default"
            renderRoot={(props) => <Link to="/new" search={{ from: job.id }} {...props} />}
          >
            Change and train again
          </Button>
        </Group>
      }
    >
      <Stack gap="md">
        <JobProgressBar job={job} />
        {job.failure && (
          <Alert color="red" variant="light" title="Why it failed" role="alert">
            <Text size="sm">{job.failure.message}</Text>
          </Alert>
        )}
        {curves && (
          <Curves
            charts={curvesOf(curves)}
            bestStep={stepOfEpoch(curves, job.progress?.bestEpoch)}
            emptyText={
              job.finishedAt === null
                ? 'The curves begin with the first step of training.'
                : 'It ended before its first step of training.'
            }
          />
        )}
      </Stack>
    </Section>
  );
}
