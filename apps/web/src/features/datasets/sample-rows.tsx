import { ScrollArea, Table, Text } from '@mantine/core';
import type { DatasetPreview } from '@vanda/contracts';

type TablePreview = Extract<DatasetPreview, { kind: 'table' }>;

const columnsMax = 40;

export function SampleRows({ preview }: { preview: TablePreview }) {
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="x"
      viewportProps={{ tabIndex: 0, 'aria-label': 'Sample rows' }}
    >
      <Table fz="xs" verticalSpacing={5} stickyHeader={false} style={{ whiteSpace: 'nowrap' }}>
        <Table.Thead>
          <Table.Tr>
            {preview.columns.slice(0, columnsMax).map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {preview.rows.slice(0, 20).map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a row has no other identity than its place.
            <Table.Tr key={index}>
              {row.slice(0, columnsMax).map((value, column) => (
                <Table.Td
                  key={preview.columns[column]}
                  maw={260}
                  style={{ overflow: 'hidden', textOverflow: 'ellipsis' }}
                >
                  {value === null ? (
                    <Text span fz="xs" c="dimmed" fs="italic">
                      missing
                    </Text>
                  ) : (
                    String(value)
                  )}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}
