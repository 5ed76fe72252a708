import { Anchor, Checkbox, Group, ScrollArea, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import {
  type MetricName,
  type ModelVersionView,
  metricNames,
  sourceFormats,
} from '@vanda/contracts';
import { bytesText, figure, say } from '../../lib/format.ts';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { specDifference } from './spec-difference.ts';

interface Props {
  versions: ModelVersionView[];
  selected: number | undefined;
  /** Versions that are ticked, at most two. */
  ticked: number[];
  onTick: (version: number) => void;
}

const columnsMax = 5;

/** Versions as rows with their figures side by side, and what changed since the one before. */
export function VersionTable({ versions, selected, ticked, onTick }: Props) {
  const metrics = (Object.keys(metricNames) as MetricName[])
    .filter((name) => versions.some((version) => figureOf(version, name) !== undefined))
    .filter((name) => name !== 'loss')
    .slice(0, columnsMax);
  return (
    <ScrollArea
      type="auto"
      offsetScrollbars="x"
      viewportProps={{ tabIndex: 0, 'aria-label': 'Versions' }}
    >
      <Table fz="sm" style={{ whiteSpace: 'nowrap' }}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={36} aria-label="Compare" />
            <Table.Th>Version</Table.Th>
            {metrics.map((name) => (
              <Table.Th key={name} ta="right">
                {say(name)}
              </Table.Th>
            ))}
            <Table.Th>Changed</Table.Th>
            <Table.Th>Data</Table.Th>
            <Table.Th ta="right">Size</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Served at</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {versions.map((version, index) => (
            <Table.Tr
              key={version.id}
              bg={version.version === selected ? 'var(--vanda-accent-soft)' : undefined}
            >
              <Table.Td>
                <Checkbox
                  size="xs"
                  aria-label={`Compare version ${version.version}`}
                  checked={ticked.includes(version.version)}
                  onChange={() => onTick(version.version)}
                />
              </Table.Td>
              <Table.Td>
                <Anchor
                  size="sm"
                  fw={600}
                  renderRoot={(props) => (
                    <Link
                      to="/models/$name"
                      params={{ name: version.model }}
                      search={{ version: version.version }}
                      {...props}
                    />
                  )}
                >
                  {version.version}
                </Anchor>
              </Table.Td>
              {metrics.map((name) => (
                <Table.Td key={name} ta="right">
                  {figure(figureOf(version, name))}
                </Table.Td>
              ))}
              <Table.Td maw={240}>
                <Changed before={versions[index + 1]} version={version} />
              </Table.Td>
              <Table.Td>
                {version.dataset
                  ? `${version.dataset.name}@${version.dataset.version}`
                  : version.source && sourceFormats[version.source.format]}
              </Table.Td>
              <Table.Td ta="right">{bytesText(version.bytes)}</Table.Td>
              <Table.Td>
                <TimeAgo at={version.createdAt} />
              </Table.Td>
              <Table.Td>
                <Group gap={6} wrap="nowrap">
                  {version.endpoints.map((endpoint) => (
                    <Anchor
                      key={endpoint}
                      size="sm"
                      renderRoot={(props) => (
                        <Link to="/endpoints/$name" params={{ name: endpoint }} {...props} />
                      )}
                    >
                      {endpoint}
                    </Anchor>
                  ))}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

function figureOf(version: ModelVersionView, name: MetricName): number | undefined {
  return version.metrics.test?.[name] ?? version.metrics.validation?.[name];
}

function Changed({ before, version }: { before?: ModelVersionView; version: ModelVersionView }) {
  if (before === undefined) {
    return (
      <Text size="sm" c="dimmed">
        first
      </Text>
    );
  }
  if (version.spec === null) {
    return (
      <Text size="sm" c="dimmed">
        imported
      </Text>
    );
  }
  const names = specDifference(before.spec ?? {}, version.spec).map((one) => one.pointer.slice(1));
  const text = names.length === 0 ? 'nothing in the spec' : names.join(', ');
  return (
    <Text size="sm" truncate title={text} c={names.length === 0 ? 'dimmed' : undefined}>
      {text}
    </Text>
  );
}
