import { Anchor, Button, Group, Paper, SimpleGrid, Skeleton, Stack, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type EndpointView, type JobView, listEndpoints, listJobs } from '@vanda/contracts';
import type { ReactNode } from 'react';
import { figure, milliseconds } from '../../lib/format.ts';
import { read } from '../../lib/queries.ts';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { PageHeader } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { JobProgressBar } from '../jobs/job-progress-bar.tsx';
import { isActive } from '../jobs/job-state.ts';
import { mainFigure } from '../jobs/main-figure.ts';

const finishedShown = 8;

export function HomePage() {
  const jobs = useQuery({
    ...read(listJobs, { query: { limit: 50 } }),
    refetchInterval: (query) =>
      query.state.data?.data.some((job) => isActive(job.state)) ? 1500 : false,
  });
  const endpoints = useQuery({
    ...read(listEndpoints, { query: { limit: 50 } }),
    refetchInterval: 3000,
  });
  const running = jobs.data?.data.filter((job) => isActive(job.state)) ?? [];
  const finished = jobs.data?.data.filter((job) => !isActive(job.state)).slice(0, finishedShown);
  return (
    <>
      <PageHeader
        title="Home"
        actions={
          <Button
            size="lg"
            leftSection={<IconPlus size={20} aria-hidden />}
            renderRoot={(props) => <Link to="/new" {...props} />}
          >
            New model
          </Button>
        }
      />
      <Stack gap="md">
        {jobs.error && <ProblemNote error={jobs.error} retry={() => void jobs.refetch()} />}
        <Section title="Running now">
          {jobs.isPending ? <Skeleton h={60} /> : <Running jobs={running} />}
        </Section>
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
          <Section title="Endpoints" actions={<More to="/endpoints" />}>
            {endpoints.error && (
              <ProblemNote error={endpoints.error} retry={() => void endpoints.refetch()} />
            )}
            {endpoints.isPending ? (
              <Skeleton h={120} />
            ) : (
              <Endpoints endpoints={endpoints.data?.data ?? []} />
            )}
          </Section>
          <Section title="Finished" actions={<More to="/jobs" />}>
            {jobs.isPending ? <Skeleton h={120} /> : <Finished jobs={finished ?? []} />}
          </Section>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function More({ to }: { to: '/endpoints' | '/jobs' }) {
  return (
    <Anchor
      size="sm"
      aria-label={to === '/jobs' ? 'All jobs' : 'All endpoints'}
      renderRoot={(props) => <Link to={to} {...props} />}
    >
      All
    </Anchor>
  );
}

function Running({ jobs }: { jobs: JobView[] }) {
  if (jobs.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Nothing is training. Press n to begin.
      </Text>
    );
  }
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="sm">
      {jobs.map((job) => (
        <Link key={job.id} to="/jobs/$id" params={{ id: job.id }} className="plain-link">
          <Paper withBorder p="sm">
            <Text fw={600} mb={4}>
              {job.name}
            </Text>
            <JobProgressBar job={job} />
          </Paper>
        </Link>
      ))}
    </SimpleGrid>
  );
}

function Endpoints({ endpoints }: { endpoints: EndpointView[] }) {
  if (endpoints.length === 0) {
    return (
      <EmptyNote
        title="No endpoints yet"
        text="A trained model that is deployed gets a URL that your app can call; its traffic shows here."
      />
    );
  }
  return (
    <Stack gap={0}>
      {endpoints.map((endpoint) => (
        <Row key={endpoint.id}>
          <Group gap="xs" wrap="nowrap" miw={0}>
            <Anchor
              size="sm"
              fw={600}
              truncate
              renderRoot={(props) => (
                <Link to="/endpoints/$name" params={{ name: endpoint.name }} {...props} />
              )}
            >
              {endpoint.name}
            </Anchor>
            <StateBadge state={endpoint.serving.state} />
          </Group>
          <Text size="sm" c="dimmed" style={{ flexShrink: 0 }}>
            {figure(endpoint.serving.perSecond)} / s · {milliseconds(endpoint.serving.p50Ms)}
          </Text>
        </Row>
      ))}
    </Stack>
  );
}

function Finished({ jobs }: { jobs: JobView[] }) {
  if (jobs.length === 0) {
    return (
      <EmptyNote
        title="Nothing has finished yet"
        text="Training runs that have ended are listed here with their results."
      />
    );
  }
  return (
    <Stack gap={0}>
      {jobs.map((job) => (
        <Row key={job.id}>
          <Group gap="xs" wrap="nowrap" miw={0}>
            <Anchor
              size="sm"
              fw={600}
              truncate
              renderRoot={(props) => <Link to="/jobs/$id" params={{ id: job.id }} {...props} />}
            >
              {job.name}
            </Anchor>
            <StateBadge state={job.state} />
          </Group>
          <Text size="sm" c="dimmed" style={{ flexShrink: 0 }}>
            {mainFigure(job.metrics)}
            {job.metrics && ' · '}
            {job.finishedAt && <TimeAgo at={job.finishedAt} />}
          </Text>
        </Row>
      ))}
    </Stack>
  );
}

function Row({ children }: { children: ReactNode }) {
  return (
    <Group
      justify="space-between"
      gap="2px 10px"
      wrap="wrap"
      py={8}
      style={{ borderBottom: '1px solid var(--vanda-line)' }}
    >
      {children}
    </Group>
  );
}
