import { Button, Group, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { type JobView, jobState, listJobs } from '@vanda/contracts';
import { readPages } from '../../lib/queries.ts';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { type ListColumn, ListSkeleton, ListTable } from '../../ui/list-table.tsx';
import { PageHeader } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { isActive } from './job-state.ts';
import { mainFigure } from './main-figure.ts';

const route = getRouteApi('/shell/jobs');

const columns: ListColumn<JobView>[] = [
  { label: 'Model', width: 'minmax(0, 1.4fr)', cell: (row) => <b>{row.name}</b> },
  { label: 'State', width: '100px', cell: (row) => <StateBadge state={row.state} /> },
  { label: 'What it does', width: 'minmax(0, 3fr)', wide: true, cell: (row) => row.sentence },
  {
    label: 'Data',
    width: 'minmax(0, 1.2fr)',
    wide: true,
    cell: (row) => `${row.dataset.name}@${row.dataset.version}`,
  },
  { label: 'Result', width: '130px', wide: true, cell: (row) => mainFigure(row.metrics) ?? '–' },
  { label: 'Submitted', width: '120px', cell: (row) => <TimeAgo at={row.createdAt} /> },
];

export function JobsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const list = useInfiniteQuery({
    ...readPages<JobView>(listJobs, { limit: 200, state: search.state, name: search.name }),
    refetchInterval: (query) =>
      query.state.data?.pages[0]?.data.some((job) => isActive(job.state)) ? 2000 : false,
  });
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const filter = (fields: { state?: string; name?: string }) =>
    void navigate({ to: '/jobs', search: { ...search, ...fields }, replace: true });
  const byName = useDebouncedCallback((name: string) => filter({ name: name || undefined }), 300);
  const filtered = search.state !== undefined || search.name !== undefined;
  const start = <Button renderRoot={(props) => <Link to="/new" {...props} />}>New model</Button>;
  return (
    <>
      <PageHeader title="Jobs" actions={start} />
      <Group mb="sm" gap="xs">
        <TextInput
          aria-label="Filter by model name"
          placeholder="Model name"
          defaultValue={search.name ?? ''}
          onChange={(event) => byName(event.currentTarget.value.trim())}
          w={200}
        />
        <Select
          aria-label="Filter by state"
          placeholder="Any state"
          clearable
          clearButtonProps={{ 'aria-label': 'Any state' }}
          data={jobState.options}
          value={search.state ?? null}
          onChange={(state) => filter({ state: state ?? undefined })}
          w={160}
        />
      </Group>
      {list.error && <ProblemNote error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <ListSkeleton />}
      {list.data && rows.length === 0 && (
        <EmptyNote
          title={filtered ? 'No job fits the filter' : 'No jobs yet'}
          text={
            filtered
              ? 'Clear the filter to see the others.'
              : 'Every training run is listed here with its state and result. Begin by training a model on your data.'
          }
          action={filtered ? undefined : start}
        />
      )}
      {rows.length > 0 && (
        <ListTable
          label="Jobs"
          rows={rows}
          columns={columns}
          keyOf={(row) => row.id}
          linkOf={(row) => ({ to: '/jobs/$id', params: { id: row.id } })}
          onEnd={() => {
            if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
          }}
        />
      )}
    </>
  );
}
