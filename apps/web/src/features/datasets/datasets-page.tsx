import { Button, Modal } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type Dataset, listDatasets } from '@vanda/contracts';
import { bytesText, count } from '../../lib/format.ts';
import { readPages } from '../../lib/queries.ts';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { type ListColumn, ListSkeleton, ListTable } from '../../ui/list-table.tsx';
import { PageHeader } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { PushForm } from './push-form.tsx';

const columns: ListColumn<Dataset>[] = [
  { label: 'Name', width: 'minmax(0, 2fr)', cell: (row) => <b>{row.name}</b> },
  {
    label: 'Kind',
    width: '84px',
    cell: (row) => (row.ingesting ? <StateBadge state="loading" /> : (row.kind ?? 'nothing yet')),
  },
  {
    label: 'Version',
    width: '70px',
    wide: true,
    end: true,
    cell: (row) => row.latestVersion || '–',
  },
  { label: 'Items', width: '80px', end: true, cell: (row) => count(row.items) },
  { label: 'Size', width: '90px', wide: true, end: true, cell: (row) => bytesText(row.bytes) },
  { label: 'Changed', width: '130px', wide: true, cell: (row) => <TimeAgo at={row.updatedAt} /> },
];

export function DatasetsPage() {
  const list = useInfiniteQuery(readPages<Dataset>(listDatasets, { limit: 200 }));
  const [adding, dialog] = useDisclosure(false);
  const navigate = useNavigate();
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const add = <Button onClick={dialog.open}>Add data</Button>;
  return (
    <>
      <PageHeader title="Data sets" actions={add} />
      {list.error && <ProblemNote error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <ListSkeleton />}
      {list.data && rows.length === 0 && (
        <EmptyNote
          title="No data yet"
          text="Your pictures and tables will be listed here, with every version that you upload. Begin by dropping a file or a folder."
          action={add}
        />
      )}
      {rows.length > 0 && (
        <ListTable
          label="Data sets"
          rows={rows}
          columns={columns}
          keyOf={(row) => row.id}
          linkOf={(row) => ({ to: '/datasets/$name', params: { name: row.name } })}
          onEnd={() => {
            if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
          }}
        />
      )}
      <Modal opened={adding} onClose={dialog.close} title="Add data" size="lg">
        <PushForm
          onStarted={({ dataset }) => {
            dialog.close();
            void navigate({ to: '/datasets/$name', params: { name: dataset } });
          }}
        />
      </Modal>
    </>
  );
}
