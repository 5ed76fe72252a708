import { Table, Text } from '@mantine/core';
import type { ModelSource } from '@vanda/contracts';
import { bytesText, count } from '../../lib/format.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { Section } from '../../ui/section.tsx';

const shownMax = 20;

/** What an imported version was read from. */
export function SourceFiles({ source }: { source: ModelSource }) {
  const { files } = source;
  return (
    <Section title="Files it was read from">
      <Table.ScrollContainer minWidth={0}>
        <Table fz="sm" verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th ta="right">Size</Table.Th>
              <Table.Th>SHA-256</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {files.slice(0, shownMax).map(({ name, bytes, sha256 }) => (
              <Table.Tr key={name}>
                <Table.Td style={{ wordBreak: 'break-all' }}>{name}</Table.Td>
                <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
                  {bytesText(bytes)}
                </Table.Td>
                <Table.Td>
                  <CopyText value={sha256} what={`SHA-256 of ${name}`} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {files.length > shownMax && (
        <Text size="sm" c="dimmed">
          and {count(files.length - shownMax)} more
        </Text>
      )}
    </Section>
  );
}
