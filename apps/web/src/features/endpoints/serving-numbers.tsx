import { Alert, SimpleGrid, Text } from '@mantine/core';
import type { EndpointView } from '@vanda/contracts';
import { count, figure, milliseconds } from '../../lib/format.ts';

const explanation: Record<string, string> = {
  loading:
    'The inference server loads this version; requests are still answered by the one before.',
  'no-server': 'No inference server is live. Start a worker with the role serve.',
};

/** Live rate, latency and errors. */
export function ServingNumbers({ serving }: { serving: EndpointView['serving'] }) {
  const numbers: [string, string][] = [
    ['Requests per second', figure(serving.perSecond)],
    ['Median latency', milliseconds(serving.p50Ms)],
    ['99th percentile', milliseconds(serving.p99Ms)],
    ['Requests', count(serving.requests)],
    ['Errors', count(serving.errors)],
  ];
  return (
    <>
      {serving.state !== 'ready' && (
        <Alert color={serving.state === 'failed' ? 'red' : 'yellow'} variant="light" mb="md">
          <Text size="sm">{serving.error ?? explanation[serving.state] ?? serving.state}</Text>
        </Alert>
      )}
      <SimpleGrid component="dl" cols={{ base: 2, sm: 3, md: 5 }} m={0}>
        {numbers.map(([name, value]) => (
          <div key={name}>
            <Text component="dt" size="xs" c="dimmed">
              {name}
            </Text>
            <Text component="dd" size="lg" fw={600} m={0}>
              {value}
            </Text>
          </div>
        ))}
      </SimpleGrid>
    </>
  );
}
