import { SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { useQueries } from '@tanstack/react-query';
import { getJobMetrics, type ModelVersionView } from '@vanda/contracts';
import { read } from '../../lib/queries.ts';
import { Section } from '../../ui/section.tsx';
import { ConfusionTable } from '../jobs/confusion-table.tsx';
import { type CurveSeries, curvesOf } from '../jobs/curve-series.ts';
import { Curves } from '../jobs/curves.tsx';
import { MetricsTable } from '../jobs/metrics-table.tsx';
import { DifferingItems } from './differing-items.tsx';
import { specDifference } from './spec-difference.ts';

/** Two versions beside each other: figures, the items they differ on, curves over each other, confusion matrices, spec. */
export function CompareVersions({ a, b }: { a: ModelVersionView; b: ModelVersionView }) {
  const labels: [string, string] = [`v${a.version}`, `v${b.version}`];
  return (
    <Stack gap="md">
      <Section title={`Version ${a.version} and version ${b.version}`}>
        <MetricsTable metrics={a.metrics} other={b.metrics} labels={labels} />
      </Section>
      <Section title="Where they differ">
        <DifferingItems a={a} b={b} key={`${a.id} ${b.id}`} />
      </Section>
      <Section title="Curves">
        <ComparedCurves a={a} b={b} />
      </Section>
      {a.spec && b.spec && (
        <Section title="Spec">
          <SpecTable a={a} b={b} labels={labels} />
        </Section>
      )}
      {(matrixOf(a) || matrixOf(b)) && (
        <Section title="Confusion">
          <SimpleGrid cols={{ base: 1, lg: 2 }}>
            {[a, b].map((version) => {
              const matrix = matrixOf(version);
              return matrix ? (
                <ConfusionTable
                  key={version.id}
                  matrix={matrix}
                  caption={`Version ${version.version}`}
                />
              ) : null;
            })}
          </SimpleGrid>
        </Section>
      )}
    </Stack>
  );
}

function matrixOf(version: ModelVersionView) {
  return version.metrics.test?.confusionMatrix ?? version.metrics.validation?.confusionMatrix;
}

function ComparedCurves({ a, b }: { a: ModelVersionView; b: ModelVersionView }) {
  const [first, second] = useQueries({
    queries: [a, b].map(({ jobId }) => ({
      ...read(getJobMetrics, { params: { id: jobId ?? '' }, query: { points: 1000 } }),
      enabled: jobId !== null,
      retry: false,
    })),
  });
  const charts = new Map<string, CurveSeries[]>();
  const add = (more: Map<string, CurveSeries[]>) => {
    for (const [name, series] of more) charts.set(name, [...(charts.get(name) ?? []), ...series]);
  };
  if (first?.data) add(curvesOf(first.data, `v${a.version}`));
  if (second?.data) add(curvesOf(second.data, `v${b.version}`, true));
  return (
    <Curves
      charts={charts}
      emptyText={
        first?.isFetching || second?.isFetching
          ? 'The curves are on the way.'
          : 'No job that made these versions is here: one was deleted with its curves, or the version was imported.'
      }
    />
  );
}

function SpecTable(props: { a: ModelVersionView; b: ModelVersionView; labels: [string, string] }) {
  const differences = specDifference(props.a.spec, props.b.spec);
  if (differences.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Both were trained by the same spec.
      </Text>
    );
  }
  return (
    <Table.ScrollContainer minWidth={0}>
      <Table fz="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Field</Table.Th>
            <Table.Th>{props.labels[0]}</Table.Th>
            <Table.Th>{props.labels[1]}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {differences.map(({ pointer, before, after }) => (
            <Table.Tr key={pointer}>
              <Table.Td className="mono">{pointer}</Table.Td>
              <Table.Td className="mono">{before}</Table.Td>
              <Table.Td className="mono">{after}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
