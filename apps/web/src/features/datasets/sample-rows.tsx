import { ScrollArea, Table } from '@mantine/core';
import type { DatasetPreview } from '@vanda/contracts';
import { CellValue } from './cell-value.tsx';

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
                <CellValue key={preview.columns[column]} value={value} />
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}
