import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type EndpointView, listEndpoints } from '@vanda/contracts';
import { count, figure, milliseconds } from '../../lib/format.ts';
import { readPages } from '../../lib/queries.ts';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { type ListColumn, ListSkeleton, ListTable } from '../../ui/list-table.tsx';
import { PageHeader } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';

const columns: ListColumn<EndpointView>[] = [
  { label: 'Name', width: 'minmax(0, 2fr)', cell: (row) => <b>{row.name}</b> },
  {
    label: 'Serves',
    width: 'minmax(0, 1.4fr)',
    wide: true,
    cell: (row) => `${row.model}@${row.version}`,
  },
  { label: 'State', width: '100px', cell: (row) => <StateBadge state={row.serving.state} /> },
  {
    label: 'Requests',
    width: '100px',
    end: true,
    cell: (row) => `${figure(row.serving.perSecond)} / s`,
  },
  {
    label: 'Median',
    width: '90px',
    wide: true,
    end: true,
    cell: (row) => milliseconds(row.serving.p50Ms),
  },
  {
    label: 'Errors',
    width: '80px',
    wide: true,
    end: true,
    cell: (row) => count(row.serving.errors),
  },
];

export function EndpointsPage() {
  const list = useInfiniteQuery({
    ...readPages<EndpointView>(listEndpoints, { limit: 200 }),
    refetchInterval: 3000,
  });
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <>
      <PageHeader title="Endpoints" />
      {list.error && <ProblemNote error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <ListSkeleton />}
      {list.data && rows.length === 0 && (
        <EmptyNote
          title="No endpoints yet"
          text="An endpoint is the URL at which your app asks a model. Open a model and deploy one of its versions."
          action={
            <Button renderRoot={(props) => <Link to="/models" {...props} />}>Choose a model</Button>
          }
        />
      )}
      {rows.length > 0 && (
        <ListTable
          label="Endpoints"
          rows={rows}
          columns={columns}
          keyOf={(row) => row.id}
          linkOf={(row) => ({ to: '/endpoints/$name', params: { name: row.name } })}
          onEnd={() => {
            if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
          }}
        />
      )}
    </>
  );
}
