import { Anchor, Button, Group, Loader, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import {
  createExport,
  downloadExport,
  type ExportFormat,
  exportFormats,
  listExports,
  type ModelExportView,
  type ModelVersionView,
  type ParityReport,
} from '@vanda/contracts';
import { addressOf, call } from '../../lib/call.ts';
import { bytesText, counted, figure, milliseconds, percent } from '../../lib/format.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';

/** The exports are asked for again at this pace while one of them is being made. */
const pollMs = 500;
const waits = (made: ModelExportView) => made.state === 'queued' || made.state === 'running';

/** A version for where there is no Vanda: made when it is asked for, with how alike it answers. */
export function ExportFormats({ version }: { version: ModelVersionView }) {
  const params = { name: version.model, version: version.version };
  const exports = useQuery({
    ...read(listExports, { params }),
    refetchInterval: (query) => (query.state.data?.data.some(waits) ? pollMs : false),
  });
  return (
    <Section title="Other formats">
      {exports.error ? (
        <ProblemNote error={exports.error} retry={() => void exports.refetch()} />
      ) : (
        <Table.ScrollContainer minWidth={0}>
          <Table verticalSpacing="xs">
            <Table.Tbody>
              {(Object.keys(exportFormats) as ExportFormat[]).map((format) => (
                <FormatRow
                  key={format}
                  params={params}
                  format={format}
                  made={exports.data?.data.find((one) => one.format === format)}
                />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Section>
  );
}

interface RowProps {
  params: { name: string; version: number };
  format: ExportFormat;
  made: ModelExportView | undefined;
}

function FormatRow({ params, format, made }: RowProps) {
  const { title } = exportFormats[format];
  const make = useMutation({
    mutationFn: () => call(createExport, { params, body: { format } }),
    onSettled: () => refreshNoun('exports'),
  });
  return (
    <Table.Tr>
      <Table.Td valign="top">
        <Text size="sm">{title}</Text>
      </Table.Td>
      <Table.Td valign="top">
        {made?.report && <Report report={made.report} />}
        {made?.failure && (
          <Text size="sm" c="var(--mantine-color-error)">
            {made.failure.message}
          </Text>
        )}
        {make.error && <ProblemNote error={make.error} />}
      </Table.Td>
      <Table.Td valign="top" ta="end">
        {made?.state === 'succeeded' ? (
          <Anchor
            size="sm"
            href={addressOf(downloadExport, { ...params, format })}
            aria-label={`Download ${title}`}
          >
            Download
          </Anchor>
        ) : made && waits(made) ? (
          <Group gap="xs" justify="flex-end" role="status">
            <Loader size="xs" />
            <Text size="sm">Exporting</Text>
          </Group>
        ) : (
          <Button
            size="compact-sm"
            variant="default"
            loading={make.isPending}
            onClick={() => make.mutate()}
            aria-label={`${made ? 'Try again: ' : ''}Export as ${title}`}
          >
            {made ? 'Try again' : 'Export'}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function Report({ report }: { report: ParityReport }) {
  const { topOneAgreement, maxAbsoluteDifference, latencyUs, accuracy, sourceAccuracy } = report;
  const measured = accuracy !== null && sourceAccuracy !== null;
  return (
    <Stack gap={0}>
      <Text size="sm">
        {bytesText(report.bytes)}
        {latencyUs !== null && `, ${milliseconds(latencyUs / 1000)} an item`}
        {measured && `, accuracy ${percent(accuracy)} (was ${percent(sourceAccuracy)})`}
      </Text>
      <Text size="xs" c="dimmed">
        {topOneAgreement !== null && `${percent(topOneAgreement)} the same label, `}
        {maxAbsoluteDifference !== null && `at most ${figure(maxAbsoluteDifference)} apart, `}
        on {counted(report.items, report.madeUp ? 'made-up item' : 'item')}
        {report.split && ` of the ${report.split} split`}
        {report.ranWith && `, run with ${report.ranWith}`}
      </Text>
    </Stack>
  );
}
