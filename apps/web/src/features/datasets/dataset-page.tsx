import { Button, Menu, Modal, Select, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import {
  type Dataset,
  deleteDataset,
  deleteDatasetVersion,
  getDataset,
  getDatasetVersion,
  listDatasetVersions,
  listIngests,
} from '@vanda/contracts';
import { call } from '../../lib/call.ts';
import { counted } from '../../lib/format.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ConfirmDelete } from '../../ui/confirm-delete.tsx';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { PageHeader, PageSkeleton } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { PushForm } from './push-form.tsx';
import { PushHistory } from './push-history.tsx';
import { PushStatus } from './push-status.tsx';
import { usePushes } from './pushes.ts';
import { VersionView } from './version-view.tsx';

const route = getRouteApi('/shell/datasets/$name');

export function DatasetPage() {
  const { name } = route.useParams();
  const pushes = usePushes().filter((push) => push.dataset === name && push.stage !== 'done');
  const dataset = useQuery({
    ...read(getDataset, { params: { name } }),
    // A first push makes the dataset; until it has begun, the page waits for it.
    refetchInterval: (query) => (query.state.data?.ingesting || pushes.length > 0 ? 1500 : false),
    retry: false,
  });
  if (dataset.data) return <Loaded dataset={dataset.data} />;
  if (pushes[0]) {
    return (
      <>
        <PageHeader title={name} parent={{ to: '/datasets', label: 'Data sets' }} />
        <PushStatus push={pushes[0]} />
      </>
    );
  }
  if (dataset.error) {
    return <ProblemNote error={dataset.error} retry={() => void dataset.refetch()} />;
  }
  return <PageSkeleton />;
}

function Loaded({ dataset }: { dataset: Dataset }) {
  const { name } = dataset;
  const search = route.useSearch();
  const navigate = useNavigate();
  const number = search.version ?? dataset.latestVersion;
  const version = useQuery({
    ...read(getDatasetVersion, { params: { name, version: number } }),
    enabled: number > 0,
  });
  const versions = useQuery(read(listDatasetVersions, { params: { name }, query: { limit: 100 } }));
  const ingests = useQuery(read(listIngests, { params: { name }, query: { limit: 20 } }));
  const [pushing, pushDialog] = useDisclosure(false);
  return (
    <>
      <PageHeader
        title={name}
        parent={{ to: '/datasets', label: 'Data sets' }}
        description={counted(dataset.versions, 'version')}
        actions={
          <>
            {(versions.data?.data.length ?? 0) > 1 && (
              <Select
                aria-label="Version"
                w={150}
                value={String(number)}
                data={(versions.data?.data ?? []).map((entry) => ({
                  value: String(entry.version),
                  label: `Version ${entry.version}`,
                }))}
                allowDeselect={false}
                onChange={(value) =>
                  void navigate({
                    to: '/datasets/$name',
                    params: { name },
                    search: { version: Number(value) },
                  })
                }
              />
            )}
            <Button variant="default" onClick={pushDialog.open}>
              Add a version
            </Button>
            {number > 0 && (
              <Button
                renderRoot={(props) => (
                  <Link to="/new" search={{ dataset: `${name}@${number}` }} {...props} />
                )}
              >
                Train a model
              </Button>
            )}
            <DeleteMenu name={name} version={number} versions={dataset.versions} />
          </>
        }
      />
      <Stack gap="md">
        {version.data && <VersionView version={version.data} />}
        {version.error && (
          <ProblemNote error={version.error} retry={() => void version.refetch()} />
        )}
        {number > 0 && version.isPending && <PageSkeleton />}
        {number === 0 && (
          <EmptyNote
            title={dataset.ingesting ? 'The data is being read' : 'No version yet'}
            text={
              dataset.ingesting
                ? 'Its statistics and samples appear here as soon as it is done.'
                : 'No push to this data set has succeeded yet; the reasons are below. Try again with other files.'
            }
            action={<Button onClick={pushDialog.open}>Add data</Button>}
          />
        )}
        {ingests.data && <PushHistory ingests={ingests.data.data} />}
      </Stack>
      <Modal
        opened={pushing}
        onClose={pushDialog.close}
        title={`A new version of ${name}`}
        size="lg"
      >
        <PushForm dataset={name} onStarted={pushDialog.close} />
      </Modal>
    </>
  );
}

function DeleteMenu({
  name,
  version,
  versions,
}: {
  name: string;
  version: number;
  versions: number;
}) {
  const [one, oneDialog] = useDisclosure(false);
  const [all, allDialog] = useDisclosure(false);
  const navigate = useNavigate();
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" aria-label="More actions" px="sm">
            …
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {versions > 1 && (
            <Menu.Item color="red" onClick={oneDialog.open}>
              Delete version {version}
            </Menu.Item>
          )}
          <Menu.Item color="red" onClick={allDialog.open}>
            Delete the data set
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ConfirmDelete
        name={`${name}@${version}`}
        what="version"
        consequence="Models that were trained on it stay, but they can no longer be trained again on the same data."
        opened={one}
        onClose={oneDialog.close}
        remove={() => call(deleteDatasetVersion, { params: { name, version } })}
        onDone={() => {
          void navigate({ to: '/datasets/$name', params: { name } });
          refreshNoun('dataset');
        }}
      />
      <ConfirmDelete
        name={name}
        what="data set"
        consequence="All its versions go. Models that were trained on it stay, but they can no longer be trained again on the same data."
        opened={all}
        onClose={allDialog.close}
        remove={() => call(deleteDataset, { params: { name } })}
        onDone={() => {
          void navigate({ to: '/datasets' });
          refreshNoun('dataset');
        }}
      />
    </>
  );
}
