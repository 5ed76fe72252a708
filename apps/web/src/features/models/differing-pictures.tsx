import { Box, Group, Paper, SimpleGrid, Stack, Text } from '@mantine/core';
import type { ComparedItem } from '@vanda/contracts';
import { SaidLabel } from './said-label.tsx';

interface Props {
  items: ComparedItem[];
  names: { first: string; second: string };
}

const side = 72;

/** One card a picture: what it is, and what each version took it for. */
export function DifferingPictures({ items, names }: Props) {
  return (
    <SimpleGrid
      cols={{ base: 1, xs: 2, md: 3, xl: 4 }}
      spacing="sm"
      component="ul"
      m={0}
      p={0}
      style={{ listStyle: 'none' }}
    >
      {items.map((item) => (
        <Paper key={item.id} component="li" withBorder p="xs" miw={0}>
          <Group wrap="nowrap" gap="sm" align="flex-start">
            <Thumbnail item={item} />
            <Stack gap={2} miw={0} flex={1}>
              <Text size="sm" fw={600} truncate title={String(item.truth)}>
                {item.truth}
              </Text>
              {(['first', 'second'] as const).map((which) => (
                <Group key={which} gap={6} wrap="nowrap" miw={0}>
                  <Text span size="xs" c="dimmed" style={{ flexShrink: 0 }}>
                    {names[which]}
                  </Text>
                  <SaidLabel answer={item[which]} truth={item.truth} />
                </Group>
              ))}
            </Stack>
          </Group>
        </Paper>
      ))}
    </SimpleGrid>
  );
}

function Thumbnail({ item: { picture, row, truth } }: { item: ComparedItem }) {
  const shape = { width: side, height: side, flexShrink: 0, borderRadius: 4 };
  if (picture === null) {
    return (
      <Box style={{ ...shape, background: 'var(--vanda-soft)' }} p={6}>
        <Text size="xs" c="dimmed">
          row {row}
        </Text>
      </Box>
    );
  }
  return (
    <Box
      component="img"
      src={picture.thumbnail}
      alt={`${truth}: ${picture.name}`}
      title={`${picture.name}, ${picture.width} × ${picture.height}`}
      style={{
        ...shape,
        objectFit: 'contain',
        background: 'var(--vanda-soft)',
        // Small pictures are made of few pixels: they are shown as they are, not blurred.
        imageRendering: Math.max(picture.width, picture.height) < side / 2 ? 'pixelated' : 'auto',
      }}
    />
  );
}
