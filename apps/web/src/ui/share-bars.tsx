import { Box, Group, Stack, Text } from '@mantine/core';
import { count } from '../lib/format.ts';

interface Bar {
  label: string;
  value: number;
  shown?: string;
}

/** Labelled horizontal bars, longest possible bar = `most` (the largest value unless told). */
export function ShareBars({ bars, most }: { bars: Bar[]; most?: number }) {
  const full = most ?? Math.max(1e-9, ...bars.map((bar) => bar.value));
  return (
    <Stack gap={6} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
      {bars.map((bar) => (
        <li key={bar.label}>
          <Group justify="space-between" gap="xs" wrap="nowrap">
            <Text size="xs" truncate title={bar.label}>
              {bar.label}
            </Text>
            <Text size="xs" c="dimmed" style={{ flexShrink: 0 }}>
              {bar.shown ?? count(bar.value)}
            </Text>
          </Group>
          <Box h={5} bg="var(--vanda-line)" style={{ borderRadius: 3 }} aria-hidden>
            <Box
              h={5}
              w={`${Math.min(100, (bar.value / full) * 100)}%`}
              bg="var(--vanda-bar)"
              style={{ borderRadius: 3 }}
            />
          </Box>
        </li>
      ))}
    </Stack>
  );
}
