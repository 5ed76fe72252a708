import { Box, ScrollArea, Table, Text } from '@mantine/core';
import type { ConfusionMatrix } from '@vanda/contracts';
import { count, percent } from '../../lib/format.ts';
import classes from './confusion-table.module.css';

const labelsMax = 24;

/** Rows are what an item is, columns what the model said; the darker a cell, the larger its share of the row. */
export function ConfusionTable({ matrix, caption }: { matrix: ConfusionMatrix; caption: string }) {
  if (matrix.labels.length > labelsMax) return <Confusions matrix={matrix} caption={caption} />;
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="x"
      viewportProps={{ tabIndex: 0, 'aria-label': caption }}
    >
      <table className={classes.matrix}>
        <caption>{caption}: rows are the truth, columns the prediction</caption>
        <thead>
          <tr>
            <td />
            {matrix.labels.map((label) => (
              <th key={label} scope="col" title={label}>
                <span>{label}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.labels.map((truth, row) => {
            const total = (matrix.counts[row] ?? []).reduce((sum, value) => sum + value, 0);
            return (
              <tr key={truth}>
                <th scope="row" title={truth}>
                  <span>{truth}</span>
                </th>
                {matrix.labels.map((said, column) => {
                  const value = matrix.counts[row]?.[column] ?? 0;
                  const share = total === 0 ? 0 : value / total;
                  const colour = row === column ? '--vanda-train' : '--vanda-validation';
                  return (
                    <td
                      key={said}
                      title={`${truth} taken for ${said}: ${count(value)} (${percent(share)})`}
                      style={{
                        background: value
                          ? `color-mix(in srgb, var(${colour}) ${8 + Math.round(share * 37)}%, transparent)`
                          : undefined,
                      }}
                    >
                      {value === 0 ? <span className={classes.zero}>0</span> : count(value)}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollArea>
  );
}

/** With many labels a matrix cannot be read: the most frequent mistakes say more. */
function Confusions({ matrix, caption }: { matrix: ConfusionMatrix; caption: string }) {
  const mistakes = matrix.counts
    .flatMap((row, truth) => row.map((value, said) => ({ truth, said, value })))
    .filter(({ truth, said, value }) => truth !== said && value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, 20);
  return (
    <Box>
      <Text size="sm" c="dimmed" mb={4}>
        {caption}: the most frequent mistakes among {matrix.labels.length} labels
      </Text>
      <Table fz="sm" w="auto">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Is</Table.Th>
            <Table.Th>Taken for</Table.Th>
            <Table.Th ta="right">Times</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {mistakes.map(({ truth, said, value }) => (
            <Table.Tr key={`${truth}-${said}`}>
              <Table.Td>{matrix.labels[truth]}</Table.Td>
              <Table.Td>{matrix.labels[said]}</Table.Td>
              <Table.Td ta="right">{count(value)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  );
}
