import { Anchor, Button, Group, Loader, Paper, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type BackboneView, listBackbones, pullBackbone } from '@vanda/contracts';
import { call } from '../../lib/call.ts';
import { bytesText, count } from '../../lib/format.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { waits } from './open-imports.tsx';

const pollMs = 700;
const isPulled = ({ import: newest }: BackboneView) => newest !== null && waits(newest);

/** Trained networks that others can be built on: what each is, and a button that brings it here. */
export function BackboneShelf() {
  const shelf = useQuery({
    ...read(listBackbones, {}),
    refetchInterval: (query) => (query.state.data?.data.some(isPulled) ? pollMs : false),
  });
  return (
    <Section title="Backbones">
      <Text size="sm" c="dimmed" mb="sm">
        Trained networks for pictures. Pull one once: it becomes a model here, which can be served
        as it is or be what another model is built on.
      </Text>
      {shelf.error ? (
        <ProblemNote error={shelf.error} retry={() => void shelf.refetch()} />
      ) : (
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
          {shelf.data?.data.map((backbone) => (
            <Backbone key={backbone.name} backbone={backbone} />
          ))}
        </SimpleGrid>
      )}
    </Section>
  );
}

function Backbone({ backbone }: { backbone: BackboneView }) {
  const { name, source, licence, input, features, parameters, bytes } = backbone;
  const failure = backbone.import?.failure;
  return (
    <Paper withBorder p="sm" miw={0}>
      <Stack gap={4}>
        <Group justify="space-between" align="flex-start" gap="xs">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Text>
          <Here backbone={backbone} />
        </Group>
        <Text size="sm">
          {input.size} × {input.size} pictures, {count(features.width)} features,{' '}
          {count(parameters)} parameters, {bytesText(bytes)}
        </Text>
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {backbone.trainedOn}. {source.package} {source.version} of {source.registry}, {licence}.
        </Text>
        {failure && (
          <Text size="sm" c="var(--mantine-color-error)" style={{ overflowWrap: 'anywhere' }}>
            {failure.message}
          </Text>
        )}
      </Stack>
    </Paper>
  );
}

function Here({ backbone }: { backbone: BackboneView }) {
  const { name, model, version } = backbone;
  const pull = useMutation({
    mutationFn: () => call(pullBackbone, { params: { name }, body: {} }),
    onSettled: () => refreshNoun('import'),
  });
  if (version !== null) {
    return (
      <Anchor
        size="sm"
        style={{ whiteSpace: 'nowrap' }}
        renderRoot={(props) => <Link to="/models/$name" params={{ name: model }} {...props} />}
      >
        {model}@{version}
      </Anchor>
    );
  }
  if (isPulled(backbone)) {
    return (
      <Group gap="xs" wrap="nowrap" role="status">
        <Loader size="xs" />
        <Text size="sm">{backbone.import?.note ?? 'Waiting'}</Text>
      </Group>
    );
  }
  return (
    <Button
      size="compact-sm"
      variant="default"
      loading={pull.isPending}
      onClick={() => pull.mutate()}
      aria-label={`Pull ${name}`}
    >
      {backbone.import?.failure ? 'Try again' : 'Pull'}
    </Button>
  );
}
