import { Button, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { listModels, type ModelView } from '@vanda/contracts';
import { say } from '../../lib/format.ts';
import { readPages } from '../../lib/queries.ts';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { type ListColumn, ListSkeleton, ListTable } from '../../ui/list-table.tsx';
import { PageHeader } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { mainFigure } from '../jobs/main-figure.ts';
import { BackboneShelf } from './backbone-shelf.tsx';
import { ImportDialog } from './import-dialog.tsx';
import { OpenImports } from './open-imports.tsx';

const columns: ListColumn<ModelView>[] = [
  { label: 'Name', width: 'minmax(0, 2fr)', cell: (row) => <b>{row.name}</b> },
  { label: 'Task', width: 'minmax(0, 1.6fr)', wide: true, cell: (row) => say(row.task) },
  { label: 'Latest', width: '70px', end: true, cell: (row) => row.latestVersion || '–' },
  {
    label: 'Result',
    width: '140px',
    cell: (row) => mainFigure(row.latest?.metrics ?? null) ?? '–',
  },
  {
    label: 'Served at',
    width: 'minmax(0, 1.2fr)',
    wide: true,
    cell: (row) => row.endpoints.join(', ') || 'nowhere',
  },
  { label: 'Changed', width: '130px', wide: true, cell: (row) => <TimeAgo at={row.updatedAt} /> },
];

export function ModelsPage() {
  const list = useInfiniteQuery(readPages<ModelView>(listModels, { limit: 200 }));
  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const [importing, dialog] = useDisclosure(false);
  const start = <Button renderRoot={(props) => <Link to="/new" {...props} />}>New model</Button>;
  const bring = (
    <Button variant="default" onClick={dialog.open}>
      Import a model
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Models"
        actions={
          <>
            {bring}
            {start}
          </>
        }
      />
      {list.error && <ProblemNote error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <ListSkeleton />}
      {list.data && rows.length === 0 && (
        <EmptyNote
          title="No models yet"
          text="Each succeeded training job adds a version of its model here, with its figures, its data and its spec; a model of another tool can be imported."
          action={start}
        />
      )}
      {rows.length > 0 && (
        <ListTable
          label="Models"
          rows={rows}
          columns={columns}
          keyOf={(row) => row.id}
          linkOf={(row) => ({ to: '/models/$name', params: { name: row.name } })}
          onEnd={() => {
            if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
          }}
        />
      )}
      <Stack gap="md" mt="lg">
        <OpenImports />
        <BackboneShelf />
      </Stack>
      <ImportDialog opened={importing} onClose={dialog.close} />
    </>
  );
}
