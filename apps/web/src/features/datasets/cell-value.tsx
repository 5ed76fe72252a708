import { Table, Text } from '@mantine/core';
import type { Cell } from '@vanda/contracts';

/** One value of a row as a cell of a dense table. */
export function CellValue({ value }: { value: Cell | undefined }) {
  return (
    <Table.Td maw={260} style={{ overflow: 'hidden', textOverflow: 'ellipsis' }}>
      {value === null || value === undefined ? (
        <Text span fz="xs" c="dimmed" fs="italic">
          missing
        </Text>
      ) : (
        String(value)
      )}
    </Table.Td>
  );
}
