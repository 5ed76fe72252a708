import { Box, Group, Text } from '@mantine/core';
import type { EndpointView } from '@vanda/contracts';
import { figure } from '../../lib/format.ts';

const shades = ['var(--mantine-color-orchid-6)', 'var(--vanda-train)', 'var(--vanda-other)'];

/** Which version gets how much of the requests. */
export function TrafficBar({ traffic }: { traffic: EndpointView['traffic'] }) {
  const text = traffic
    .map((part) => `version ${part.version}: ${figure(part.percent)} %`)
    .join(', ');
  return (
    <div>
      <Box
        role="img"
        aria-label={`Traffic: ${text}`}
        display="flex"
        h={12}
        style={{ borderRadius: 6, overflow: 'hidden' }}
      >
        {traffic.map((part, index) => (
          <Box key={part.version} w={`${part.percent}%`} bg={shades[index % shades.length]} />
        ))}
      </Box>
      <Group gap="md" mt={4}>
        {traffic.map((part, index) => (
          <Group key={part.version} gap={6}>
            <Box w={9} h={9} bg={shades[index % shades.length]} style={{ borderRadius: 2 }} />
            <Text size="sm">
              Version {part.version}: {figure(part.percent)} %
            </Text>
          </Group>
        ))}
      </Group>
    </div>
  );
}
