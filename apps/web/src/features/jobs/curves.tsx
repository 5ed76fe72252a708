import { Box, Button, SimpleGrid, Skeleton, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { say } from '../../lib/format.ts';
import type { CurveSeries } from './curve-series.ts';

const Curve = lazy(() => import('./curve.tsx'));

interface Props {
  charts: Map<string, CurveSeries[]>;
  bestStep?: number | null;
  emptyText: string;
}

/** The two charts that matter, and the others on demand. */
export function Curves({ charts, bestStep, emptyText }: Props) {
  const [all, setAll] = useState(false);
  if (charts.size === 0) {
    return (
      <Text size="sm" c="dimmed" py="lg">
        {emptyText}
      </Text>
    );
  }
  const shown = [...charts].slice(0, all ? undefined : 2);
  return (
    <Box>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        {shown.map(([metric, series]) => (
          <Suspense key={metric} fallback={<Skeleton h={250} />}>
            <Curve title={say(metric)} series={series} bestStep={bestStep} />
          </Suspense>
        ))}
      </SimpleGrid>
      {charts.size > 2 && (
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          mt="xs"
          onClick={() => setAll(!all)}
          aria-expanded={all}
        >
          {all ? 'Fewer curves' : `All ${charts.size} curves`}
        </Button>
      )}
    </Box>
  );
}
