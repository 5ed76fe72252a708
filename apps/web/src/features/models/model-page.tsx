import { Button, Menu, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import {
  deleteModel,
  deleteModelVersion,
  downloadModelVersion,
  getModel,
  listModelVersions,
  type ModelVersionView,
  type ModelView,
} from '@vanda/contracts';
import { useState } from 'react';
import { addressOf, call } from '../../lib/call.ts';
import { counted, say } from '../../lib/format.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ConfirmDelete } from '../../ui/confirm-delete.tsx';
import { EmptyNote } from '../../ui/empty-note.tsx';
import { PageHeader, PageSkeleton } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { CompareVersions } from './compare-versions.tsx';
import { DeployDialog } from './deploy-dialog.tsx';
import { ModelVersionDetails } from './model-version-details.tsx';
import { VersionTable } from './version-table.tsx';

const route = getRouteApi('/shell/models/$name');

export function ModelPage() {
  const { name } = route.useParams();
  const model = useQuery(read(getModel, { params: { name } }));
  const versions = useQuery(read(listModelVersions, { params: { name }, query: { limit: 200 } }));
  const error = model.error ?? versions.error;
  if (error && !model.data) {
    return (
      <ProblemNote
        error={error}
        retry={() => {
          void model.refetch();
          void versions.refetch();
        }}
      />
    );
  }
  if (!model.data || !versions.data) return <PageSkeleton />;
  return <Loaded model={model.data} versions={versions.data.data} />;
}

function Loaded({ model, versions }: { model: ModelView; versions: ModelVersionView[] }) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const shown =
    versions.find((version) => version.version === search.version) ?? versions[0] ?? null;
  const other = versions.find((version) => version.version === search.compare) ?? null;
  const [ticked, setTicked] = useState<number[]>(
    shown && other ? [shown.version, other.version] : [],
  );
  const tick = (version: number) => {
    const next = ticked.includes(version)
      ? ticked.filter((one) => one !== version)
      : [...ticked, version].slice(-2);
    setTicked(next);
    const [first, second] = [...next].sort((a, b) => a - b);
    void navigate({
      to: '/models/$name',
      params: { name: model.name },
      search:
        second === undefined ? { version: search.version } : { version: first, compare: second },
      replace: true,
      resetScroll: false,
    });
  };
  return (
    <>
      <PageHeader
        title={model.name}
        parent={{ to: '/models', label: 'Models' }}
        description={`${say(model.task)} · ${counted(model.versions, 'version')}`}
        actions={<Actions model={model} version={shown} />}
      />
      {shown === null ? (
        <EmptyNote
          title="No version yet"
          text="The first succeeded job of this name makes version 1."
          action={
            <Button renderRoot={(props) => <Link to="/new" {...props} />}>Train a model</Button>
          }
        />
      ) : (
        <Stack gap="md">
          <Section
            title="Versions"
            actions={
              versions.length > 1 && (
                <Text size="xs" c="dimmed">
                  Tick two to compare them
                </Text>
              )
            }
          >
            <VersionTable
              versions={versions}
              selected={other ? undefined : shown.version}
              ticked={ticked}
              onTick={tick}
            />
          </Section>
          {other ? (
            <CompareVersions a={shown} b={other} />
          ) : (
            <ModelVersionDetails version={shown} />
          )}
        </Stack>
      )}
    </>
  );
}

function Actions({ model, version }: { model: ModelView; version: ModelVersionView | null }) {
  const [deploying, deployDialog] = useDisclosure(false);
  const [one, oneDialog] = useDisclosure(false);
  const [all, allDialog] = useDisclosure(false);
  const navigate = useNavigate();
  const name = model.name;
  const number = version?.version ?? 0;
  return (
    <>
      {version && (
        <>
          <Button
            variant="default"
            component="a"
            href={addressOf(downloadModelVersion, { name, version: number })}
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            Download v{number}
          </Button>
          <Button onClick={deployDialog.open}>Deploy v{number}</Button>
          <DeployDialog
            key={number}
            model={name}
            version={number}
            opened={deploying}
            onClose={deployDialog.close}
          />
        </>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" aria-label="More actions" px="sm">
            …
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {version?.signature.input.kind === 'picture' && (
            <Menu.Item
              renderRoot={(props) => (
                <Link to="/new" search={{ base: `${name}@${number}` }} {...props} />
              )}
            >
              Build on version {number}
            </Menu.Item>
          )}
          {version && (
            <Menu.Item color="red" onClick={oneDialog.open}>
              Delete version {number}
            </Menu.Item>
          )}
          <Menu.Item color="red" onClick={allDialog.open}>
            Delete the model
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ConfirmDelete
        name={`${name}@${number}`}
        what="model version"
        consequence="Its weights are gone for good. Its data and its job stay."
        opened={one}
        onClose={oneDialog.close}
        remove={() => call(deleteModelVersion, { params: { name, version: number } })}
        onDone={() => {
          refreshNoun('model');
          void navigate({ to: '/models/$name', params: { name } });
        }}
      />
      <ConfirmDelete
        name={name}
        what="model"
        consequence="All its versions are gone for good. Its data and its jobs stay."
        opened={all}
        onClose={allDialog.close}
        remove={() => call(deleteModel, { params: { name } })}
        onDone={() => {
          void navigate({ to: '/models' });
          refreshNoun('model');
        }}
      />
    </>
  );
}
