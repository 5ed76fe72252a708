import { Anchor, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';

interface Props {
  title: string;
  /** The list that this page belongs to. */
  parent?: { to: '/datasets' | '/jobs' | '/models' | '/endpoints'; label: string };
  badge?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}

export function PageHeader({ title, parent, badge, description, actions }: Props) {
  useEffect(() => {
    document.title = title === 'Home' ? 'Vanda' : `${title} · Vanda`;
  }, [title]);
  return (
    <Group justify="space-between" align="flex-end" mb="lg" gap="md" wrap="wrap">
      <Stack gap={4} miw={0} maw="100%">
        {parent && (
          <Anchor renderRoot={(props) => <Link to={parent.to} {...props} />} size="sm" c="dimmed">
            {parent.label}
          </Anchor>
        )}
        <Group gap="sm" wrap="wrap">
          <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {badge}
        </Group>
        {description && (
          <Text component="div" c="dimmed" size="sm">
            {description}
          </Text>
        )}
      </Stack>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}

/** The shape of a page while its facts are on the way. */
export function PageSkeleton({ blocks = 3 }: { blocks?: number }) {
  return (
    <Stack gap="lg" aria-busy="true" aria-label="Loading">
      <Skeleton h={30} w={240} maw="70%" />
      {Array.from({ length: blocks }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the blocks are all alike and never move.
        <Skeleton key={index} h={index === 0 ? 90 : 180} radius="md" />
      ))}
    </Stack>
  );
}
