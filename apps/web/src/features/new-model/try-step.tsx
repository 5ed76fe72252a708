import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { getEndpoint, type JobView } from '@vanda/contracts';
import { read } from '../../lib/queries.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { Section } from '../../ui/section.tsx';
import { TryIt } from '../endpoints/try-it.tsx';
import { DeployDialog } from '../models/deploy-dialog.tsx';

/** Appears by itself when the model is there. */
export function TryStep({ job }: { job: JobView | undefined }) {
  const [name = '', version] = job?.model?.split('@') ?? [];
  const endpoint = useQuery({
    ...read(getEndpoint, { params: { name: job?.endpoint?.name ?? '' } }),
    enabled: job?.endpoint != null,
    refetchInterval: (query) => (query.state.data?.serving.state === 'ready' ? false : 1000),
  });
  const served = endpoint.data?.serving.state === 'ready' ? endpoint.data : null;
  const [deploying, dialog] = useDisclosure(false);
  return (
    <Section title="3. Try">
      {job?.model == null ? (
        <Text size="sm" c="dimmed">
          {job === undefined
            ? 'As soon as the model is trained it can be tried here.'
            : job.state === 'failed' || job.state === 'cancelled'
              ? 'There is no model to try: the job did not succeed.'
              : 'It appears here by itself when the training is done.'}
        </Text>
      ) : job.endpoint === null ? (
        <Stack gap="sm" align="flex-start">
          <Text size="sm">{job.deployNote ?? `${job.model} is trained and not deployed yet.`}</Text>
          <Button onClick={dialog.open}>Deploy to try it</Button>
          <DeployDialog
            model={name}
            version={Number(version)}
            opened={deploying}
            onClose={dialog.close}
          />
        </Stack>
      ) : served ? (
        <Stack gap="md">
          <Group gap="xs">
            <Anchor
              size="sm"
              renderRoot={(props) => (
                <Link to="/endpoints/$name" params={{ name: served.name }} {...props} />
              )}
            >
              {served.name}
            </Anchor>
            <CopyText value={served.url} what="URL" />
          </Group>
          <TryIt endpoint={served.name} model={served.model} version={served.version} />
        </Stack>
      ) : (
        <Text size="sm" c="dimmed" role="status">
          {endpoint.data?.serving.error ?? 'The inference server loads the model…'}
        </Text>
      )}
    </Section>
  );
}
