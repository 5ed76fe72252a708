import { Table } from '@mantine/core';
import { type JobMetrics, metricNames } from '@vanda/contracts';
import { count, figure, say } from '../../lib/format.ts';

/** Figures by split; with a second set beside, the better one of each pair is bold. */
export function MetricsTable({
  metrics,
  other,
  labels = ['', ''],
}: {
  metrics: JobMetrics;
  other?: JobMetrics;
  labels?: [string, string];
}) {
  const splits = (['validation', 'test'] as const).filter(
    (split) => metrics[split] || other?.[split],
  );
  const names = (Object.keys(metricNames) as (keyof typeof metricNames)[]).filter((name) =>
    splits.some(
      (split) => metrics[split]?.[name] !== undefined || other?.[split]?.[name] !== undefined,
    ),
  );
  return (
    <Table.ScrollContainer minWidth={0}>
      <Table fz="sm" w="auto" miw={260}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Metric</Table.Th>
            {splits.flatMap((split) =>
              (other ? labels : ['']).map((label) => (
                <Table.Th key={split + label} ta="right">
                  {split} {label}
                </Table.Th>
              )),
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {names.map((name) => (
            <Table.Tr key={name}>
              <Table.Td>{say(name)}</Table.Td>
              {splits.flatMap((split) => {
                const a = metrics[split]?.[name];
                const b = other?.[split]?.[name];
                const better = metricNames[name].better;
                const wins = (one?: number, two?: number) =>
                  one !== undefined &&
                  two !== undefined &&
                  (better === 'lower' ? one < two : one > two);
                return [
                  <Table.Td key={`${split}-a`} ta="right" fw={wins(a, b) ? 700 : 400}>
                    {figure(a)}
                  </Table.Td>,
                  ...(other
                    ? [
                        <Table.Td key={`${split}-b`} ta="right" fw={wins(b, a) ? 700 : 400}>
                          {figure(b)}
                        </Table.Td>,
                      ]
                    : []),
                ];
              })}
            </Table.Tr>
          ))}
          <Table.Tr>
            <Table.Td c="dimmed">items</Table.Td>
            {splits.flatMap((split) =>
              (other ? [metrics, other] : [metrics]).map((one, index) => (
                <Table.Td key={`${split}-${index === 0 ? 'a' : 'b'}`} ta="right" c="dimmed">
                  {one[split]?.count === undefined ? '–' : count(one[split].count)}
                </Table.Td>
              )),
            )}
          </Table.Tr>
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
