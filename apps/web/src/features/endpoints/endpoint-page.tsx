import { Anchor, Box, Button, SimpleGrid, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { deleteEndpoint, type EndpointView, getEndpoint } from '@vanda/contracts';
import { call } from '../../lib/call.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ConfirmDelete } from '../../ui/confirm-delete.tsx';
import { CopyText } from '../../ui/copy-text.tsx';
import { PageHeader, PageSkeleton } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { LedgerTimeline } from './ledger-timeline.tsx';
import { ServingNumbers } from './serving-numbers.tsx';
import { Snippets } from './snippets.tsx';
import { TrafficBar } from './traffic-bar.tsx';
import { TryIt } from './try-it.tsx';

const route = getRouteApi('/shell/endpoints/$name');

export function EndpointPage() {
  const { name } = route.useParams();
  const endpoint = useQuery({ ...read(getEndpoint, { params: { name } }), refetchInterval: 2000 });
  if (endpoint.data) return <Loaded endpoint={endpoint.data} />;
  if (endpoint.error) {
    return <ProblemNote error={endpoint.error} retry={() => void endpoint.refetch()} />;
  }
  return <PageSkeleton />;
}

function Loaded({ endpoint }: { endpoint: EndpointView }) {
  const { name, model, version } = endpoint;
  return (
    <>
      <PageHeader
        title={name}
        parent={{ to: '/endpoints', label: 'Endpoints' }}
        badge={<StateBadge state={endpoint.serving.state} />}
        description={
          <>
            Serves{' '}
            <Anchor
              size="sm"
              renderRoot={(props) => (
                <Link to="/models/$name" params={{ name: model }} search={{ version }} {...props} />
              )}
            >
              {model}@{version}
            </Anchor>
          </>
        }
        actions={<Actions endpoint={endpoint} />}
      />
      <Stack gap="md">
        <Box>
          <Text size="xs" c="dimmed">
            URL
          </Text>
          <CopyText value={endpoint.url} what="URL" />
        </Box>
        <Section title="Traffic">
          <Stack gap="lg">
            <TrafficBar traffic={endpoint.traffic} />
            <ServingNumbers serving={endpoint.serving} />
          </Stack>
        </Section>
        <Section title="Try it">
          <TryIt key={`${model}@${version}`} endpoint={name} model={model} version={version} />
        </Section>
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
          <Section title="Call it from your app">
            <Snippets endpoint={endpoint} />
          </Section>
          <Section title="History">
            <LedgerTimeline name={name} version={version} />
          </Section>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function Actions({ endpoint }: { endpoint: EndpointView }) {
  const [deleting, dialog] = useDisclosure(false);
  const navigate = useNavigate();
  return (
    <>
      <Button
        renderRoot={(props) => (
          <Link to="/models/$name" params={{ name: endpoint.model }} {...props} />
        )}
      >
        Deploy another version
      </Button>
      <Button variant="default" onClick={dialog.open}>
        Delete
      </Button>
      <ConfirmDelete
        name={endpoint.name}
        what="endpoint"
        consequence="Apps that call its URL get an error from now on. The model stays."
        opened={deleting}
        onClose={dialog.close}
        remove={() => call(deleteEndpoint, { params: { name: endpoint.name } })}
        onDone={() => {
          void navigate({ to: '/endpoints' });
          refreshNoun('endpoint');
        }}
      />
    </>
  );
}
