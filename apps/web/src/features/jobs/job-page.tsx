import { Alert, Anchor, Button, SimpleGrid, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { deleteJob, type JobView } from '@vanda/contracts';
import { call } from '../../lib/call.ts';
import { count, say } from '../../lib/format.ts';
import { refreshNoun } from '../../lib/queries.ts';
import { ConfirmDelete } from '../../ui/confirm-delete.tsx';
import { CopyText } from '../../ui/copy-text.tsx';
import { PageHeader, PageSkeleton } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { AttemptsTable } from './attempts-table.tsx';
import { CancelButton } from './cancel-button.tsx';
import { ConfusionTable } from './confusion-table.tsx';
import { curvesOf, stepOfEpoch } from './curve-series.ts';
import { Curves } from './curves.tsx';
import { JobFacts } from './job-facts.tsx';
import { JobLog } from './job-log.tsx';
import { JobProgressBar } from './job-progress-bar.tsx';
import { isActive } from './job-state.ts';
import { MetricsTable } from './metrics-table.tsx';
import { SpecView } from './spec-view.tsx';
import { TryJob } from './try-job.tsx';
import { useJobLog, useLiveJob } from './use-live-job.ts';

const route = getRouteApi('/shell/jobs/$id');

export function JobPage() {
  const { id } = route.useParams();
  const { job, curves, live, newLines } = useLiveJob(id);
  const log = useJobLog(id, `${newLines} ${job.data?.state}`);
  if (job.error && !job.data) {
    return <ProblemNote error={job.error} retry={() => void job.refetch()} />;
  }
  if (!job.data) return <PageSkeleton />;
  const points = curves.data;
  return (
    <>
      <JobHeader job={job.data} />
      <Stack gap="md">
        <JobProgressBar job={job.data} />
        {live === 'reconnecting' && (
          <Text size="sm" c="var(--vanda-warn)" role="status">
            Reconnecting… the job goes on; the curves catch up.
          </Text>
        )}
        <Outcome job={job.data} />
        <Section
          title="Curves"
          actions={
            points && (
              <Text size="xs" c="dimmed">
                {count(points.received)} of {count(points.produced)} points received
              </Text>
            )
          }
        >
          {curves.error && <ProblemNote error={curves.error} retry={() => void curves.refetch()} />}
          {points && (
            <Curves
              charts={curvesOf(points)}
              bestStep={stepOfEpoch(points, job.data.progress?.bestEpoch)}
              emptyText={
                isActive(job.data.state)
                  ? 'The curves begin with the first step of training.'
                  : 'It ended before its first step of training.'
              }
            />
          )}
        </Section>
        {(isActive(job.data.state) || job.data.model !== null) && (
          <Section title="Try">
            <TryJob key={id} job={job.data} />
          </Section>
        )}
        {job.data.metrics && <Result job={job.data} />}
        <JobFacts job={job.data} />
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
          <Section title="Log">
            {log.error !== null && <ProblemNote error={log.error} />}
            <JobLog lines={log.lines} />
          </Section>
          <Section title="Spec">
            <SpecView job={job.data} />
          </Section>
        </SimpleGrid>
        <Section title="Attempts">
          <AttemptsTable attempts={job.data.attempts} />
        </Section>
      </Stack>
    </>
  );
}

function JobHeader({ job }: { job: JobView }) {
  const [deleting, dialog] = useDisclosure(false);
  const navigate = useNavigate();
  const finished = !isActive(job.state) && job.state !== 'paused';
  return (
    <PageHeader
      title={job.name}
      parent={{ to: '/jobs', label: 'Jobs' }}
      badge={<StateBadge state={job.state} />}
      description={
        <>
          {say(job.task)} · <CopyText value={job.id} what="job id" />
        </>
      }
      actions={
        <>
          <CancelButton job={job} />
          <Button
            variant="default"
            renderRoot={(props) => <Link to="/new" search={{ from: job.id }} {...props} />}
          >
            Train again
          </Button>
          {finished && (
            <Button variant="default" onClick={dialog.open}>
              Delete
            </Button>
          )}
          <ConfirmDelete
            name={job.name}
            what="job"
            consequence="Its curves and log go. The model version that it made stays."
            opened={deleting}
            onClose={dialog.close}
            remove={() => call(deleteJob, { params: { id: job.id } })}
            onDone={() => {
              void navigate({ to: '/jobs' });
              refreshNoun('job');
            }}
          />
        </>
      }
    />
  );
}

/** What came of it: the model, the endpoint, or the reason why not. */
function Outcome({ job }: { job: JobView }) {
  const [modelName = '', version] = job.model?.split('@') ?? [];
  return (
    <>
      {job.failure && (
        <Alert color="red" variant="light" title="Why it failed" role="alert">
          <Text size="sm">{job.failure.message}</Text>
          <Text size="sm" c="dimmed">
            {job.failure.kind === 'user'
              ? 'Change the data or the spec, then train again.'
              : 'This was not the fault of your spec; it can be trained again as it is.'}
          </Text>
        </Alert>
      )}
      {job.warnings.map((warning) => (
        <Alert key={warning} color="yellow" variant="light" p="sm">
          <Text size="sm">{warning}</Text>
        </Alert>
      ))}
      {(job.model || job.deployNote) && (
        <Text size="sm">
          {job.model && (
            <>
              It made{' '}
              <Anchor
                renderRoot={(props) => (
                  <Link
                    to="/models/$name"
                    params={{ name: modelName }}
                    search={{ version: Number(version) }}
                    {...props}
                  />
                )}
              >
                {job.model}
              </Anchor>
              {job.endpoint && (
                <>
                  , served at{' '}
                  <Anchor
                    renderRoot={(props) => (
                      <Link
                        to="/endpoints/$name"
                        params={{ name: job.endpoint?.name ?? '' }}
                        {...props}
                      />
                    )}
                  >
                    {job.endpoint.name}
                  </Anchor>
                </>
              )}
              .{' '}
            </>
          )}
          {job.deployNote}
        </Text>
      )}
    </>
  );
}

function Result({ job }: { job: JobView }) {
  const matrix = job.metrics?.test?.confusionMatrix ?? job.metrics?.validation?.confusionMatrix;
  return (
    <Section title="Result">
      <SimpleGrid cols={{ base: 1, lg: matrix ? 2 : 1 }} spacing="lg">
        {job.metrics && <MetricsTable metrics={job.metrics} />}
        {matrix && (
          <ConfusionTable
            matrix={matrix}
            caption={job.metrics?.test?.confusionMatrix ? 'Test split' : 'Validation split'}
          />
        )}
      </SimpleGrid>
    </Section>
  );
}
