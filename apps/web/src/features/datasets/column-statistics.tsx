import { Box, Group, Paper, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import type { ColumnProfile, TableProfile } from '@vanda/contracts';
import { useState } from 'react';
import { count, counted, figure, percent } from '../../lib/format.ts';
import { ShareBars } from '../../ui/share-bars.tsx';
import { SmallHistogram } from '../../ui/small-histogram.tsx';

const shownMax = 60;

/** One card a column: its type, what is missing, and how its values are spread. */
export function ColumnStatistics({ profile }: { profile: TableProfile }) {
  const [filter, setFilter] = useState('');
  const wanted = profile.columns.filter((column) =>
    column.name.toLowerCase().includes(filter.toLowerCase()),
  );
  return (
    <Stack gap="sm">
      {profile.columns.length > 12 && (
        <TextInput
          aria-label="Filter columns"
          placeholder="Filter columns"
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
          maw={320}
        />
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3, xl: 4 }} spacing="sm">
        {wanted.slice(0, shownMax).map((column) => (
          <ColumnCard key={column.name} column={column} items={profile.items} />
        ))}
      </SimpleGrid>
      {wanted.length > shownMax && (
        <Text size="sm" c="dimmed">
          {shownMax} of {counted(wanted.length, 'column')} are shown; filter by name to see others.
        </Text>
      )}
    </Stack>
  );
}

function ColumnCard({ column, items }: { column: ColumnProfile; items: number }) {
  return (
    <Paper withBorder p="sm" miw={0}>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text fw={600} size="sm" truncate title={column.name}>
          {column.name}
        </Text>
        <Text size="xs" c="dimmed" className="mono">
          {column.type}
        </Text>
      </Group>
      <Text size="xs" c="dimmed" mb={8}>
        {counted(column.distinct, 'value')}
        {column.nulls > 0 &&
          `, ${count(column.nulls)} missing (${percent(column.nulls / Math.max(1, items))})`}
      </Text>
      <Spread column={column} />
    </Paper>
  );
}

function Spread({ column }: { column: ColumnProfile }) {
  if (column.histogram && column.histogram.counts.length > 0) {
    return (
      <Box>
        <SmallHistogram {...column.histogram} />
        <Group justify="space-between" mt={2}>
          <Text size="xs" c="dimmed">
            {shortValue(column.min)}
          </Text>
          <Text size="xs" c="dimmed">
            mean {figure(column.mean)}
          </Text>
          <Text size="xs" c="dimmed">
            {shortValue(column.max)}
          </Text>
        </Group>
      </Box>
    );
  }
  if (column.top.length > 0 && column.distinct < column.count) {
    return (
      <ShareBars
        bars={column.top
          .slice(0, 4)
          .map(({ value, count: times }) => ({ label: value, value: times }))}
        most={column.count}
      />
    );
  }
  return (
    <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
      {column.min === null
        ? 'No values.'
        : `${shortValue(column.min)} to ${shortValue(column.max)}`}
    </Text>
  );
}

function shortValue(value: string | number | null): string {
  if (typeof value === 'number') return figure(value);
  return value === null ? '–' : value.length > 24 ? `${value.slice(0, 24)}…` : value;
}
