import { Box, Group, Paper, SimpleGrid, Stack, Text } from '@mantine/core';
import type { DatasetPreview, ImagesProfile } from '@vanda/contracts';
import { count, counted } from '../../lib/format.ts';

type Pictures = Extract<DatasetPreview, { kind: 'images' }>['pictures'];

interface Props {
  profile: ImagesProfile;
  pictures: Pictures | undefined;
}

const shownMax = 120;

/** One card a label: how many pictures it has, and some of them. */
export function PictureLabels({ profile, pictures }: Props) {
  const most = Math.max(1, ...profile.labels.map((label) => label.count));
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3, xl: 4 }} spacing="sm">
        {profile.labels.slice(0, shownMax).map((label) => (
          <Paper key={label.label} withBorder p="sm" miw={0}>
            <Group justify="space-between" wrap="nowrap" gap="xs">
              <Text fw={600} size="sm" truncate title={label.label}>
                {label.label}
              </Text>
              <Text size="xs" c="dimmed">
                {count(label.count)}
              </Text>
            </Group>
            <Box h={4} bg="var(--vanda-line)" my={6} style={{ borderRadius: 2 }} aria-hidden>
              <Box
                h={4}
                w={`${(label.count / most) * 100}%`}
                bg="var(--vanda-bar)"
                style={{ borderRadius: 2 }}
              />
            </Box>
            <Thumbnails
              pictures={(pictures ?? []).filter((p) => p.label === label.label).slice(0, 6)}
            />
          </Paper>
        ))}
      </SimpleGrid>
      {profile.labels.length > shownMax && (
        <Text size="sm" c="dimmed">
          The first {shownMax} of {counted(profile.labels.length, 'label')} are shown.
        </Text>
      )}
    </Stack>
  );
}

function Thumbnails({ pictures }: { pictures: Pictures }) {
  return (
    <Group gap={4}>
      {pictures.map((picture) => (
        <Box
          component="img"
          key={picture.name}
          src={picture.thumbnail}
          alt={`${picture.label}: ${picture.name}`}
          title={`${picture.name}, ${picture.width} × ${picture.height}`}
          w={44}
          h={44}
          loading="lazy"
          style={{ objectFit: 'cover', borderRadius: 4, background: 'var(--vanda-soft)' }}
        />
      ))}
    </Group>
  );
}
