import { ScrollArea, Table } from '@mantine/core';
import type { ComparedItem } from '@vanda/contracts';
import { figure } from '../../lib/format.ts';
import { CellValue } from '../datasets/cell-value.tsx';
import { SaidLabel } from './said-label.tsx';

interface Props {
  items: ComparedItem[];
  columns: string[];
  names: { first: string; second: string };
}

/** One line a row: what is true, what each version said, and the row itself. */
export function DifferingRows({ items, columns, names }: Props) {
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="x"
      viewportProps={{ tabIndex: 0, 'aria-label': 'Rows on which they differ' }}
    >
      <Table fz="xs" verticalSpacing={5} style={{ whiteSpace: 'nowrap' }}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Is</Table.Th>
            <Table.Th>{names.first} said</Table.Th>
            <Table.Th>{names.second} said</Table.Th>
            {columns.map((column) => (
              <Table.Th key={column} c="dimmed">
                {column}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((item) => (
            <Table.Tr key={item.id}>
              <Table.Td fw={600}>
                {typeof item.truth === 'number' ? figure(item.truth) : item.truth}
              </Table.Td>
              <Table.Td>
                <SaidLabel answer={item.first} truth={item.truth} />
              </Table.Td>
              <Table.Td>
                <SaidLabel answer={item.second} truth={item.truth} />
              </Table.Td>
              {columns.map((column, at) => (
                <CellValue key={column} value={item.cells === null ? '…' : item.cells[at]} />
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}
