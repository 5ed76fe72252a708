import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { getEndpoint, type JobView } from '@vanda/contracts';
import { read } from '../../lib/queries.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { Section } from '../../ui/section.tsx';
import { TryJob } from '../jobs/try-job.tsx';
import { DeployDialog } from '../models/deploy-dialog.tsx';

/** Appears by itself when there is something to try. */
export function TryStep({ job }: { job: JobView | undefined }) {
  return (
    <Section title="3. Try">
      {job === undefined ? (
        <Text size="sm" c="dimmed">
          As soon as the training has learned something it can be tried here.
        </Text>
      ) : (
        <TryJob job={job} made={<Made job={job} />} />
      )}
    </Section>
  );
}

/** Where the model went, or what sends it there. */
function Made({ job }: { job: JobView }) {
  const [name = '', version] = job.model?.split('@') ?? [];
  const [deploying, dialog] = useDisclosure(false);
  if (job.endpoint !== null) return <Address name={job.endpoint.name} />;
  return (
    <Stack gap="sm" align="flex-start">
      <Text size="sm">{job.deployNote ?? `${job.model} is trained and not deployed yet.`}</Text>
      <Button variant="default" onClick={dialog.open}>
        Deploy it
      </Button>
      <DeployDialog
        model={name}
        version={Number(version)}
        opened={deploying}
        onClose={dialog.close}
      />
    </Stack>
  );
}

function Address({ name }: { name: string }) {
  const endpoint = useQuery({
    ...read(getEndpoint, { params: { name } }),
    refetchInterval: (query) => (query.state.data?.serving.state === 'ready' ? false : 1000),
  });
  if (endpoint.data?.serving.state !== 'ready') {
    return (
      <Text size="sm" c="dimmed" role="status">
        {endpoint.data?.serving.error ?? 'The inference server loads the model…'}
      </Text>
    );
  }
  return (
    <Group gap="xs">
      <Text size="sm">It answers at</Text>
      <Anchor
        size="sm"
        renderRoot={(props) => <Link to="/endpoints/$name" params={{ name }} {...props} />}
      >
        {name}
      </Anchor>
      <CopyText value={endpoint.data.url} what="URL" />
    </Group>
  );
}
