import { Anchor, Group, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type DatasetVersion, getDatasetPreview } from '@vanda/contracts';
import { bytesText, count, counted } from '../../lib/format.ts';
import { read } from '../../lib/queries.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { Facts } from '../../ui/facts.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { ColumnStatistics } from './column-statistics.tsx';
import { PictureLabels } from './picture-labels.tsx';
import { ReceiptNote } from './receipt-note.tsx';
import { SampleRows } from './sample-rows.tsx';

/** Everything about one version of a dataset. */
export function VersionView({ version }: { version: DatasetVersion }) {
  return (
    <Stack gap="md">
      <Section title={`Version ${version.version}`}>
        <VersionFacts version={version} />
      </Section>
      <VersionContent version={version} />
      {version.receipt && (
        <Section title="What was taken">
          <ReceiptNote receipt={version.receipt} rejectedUrl={version.rejectedUrl} />
        </Section>
      )}
      <Section title="Models trained on it">
        <UsedBy version={version} />
      </Section>
    </Stack>
  );
}

function VersionFacts({ version }: { version: DatasetVersion }) {
  const { profile } = version;
  const { train, validation, test } = profile.splits;
  return (
    <Facts
      facts={[
        [profile.kind === 'table' ? 'Rows' : 'Pictures', count(version.items)],
        profile.kind === 'table'
          ? ['Columns', count(profile.columns.length)]
          : ['Labels', count(profile.labels.length)],
        ['Size', bytesText(version.bytes)],
        ['Made', <TimeAgo key="made" at={version.createdAt} />],
        ...(profile.kind === 'images'
          ? ([
              [
                'Picture sizes',
                profile.sizes
                  .slice(0, 3)
                  .map((size) => `${size.width} × ${size.height}`)
                  .join(', ') + (profile.sizes.length > 3 ? ', …' : ''),
              ],
            ] as [string, string][])
          : []),
        ...(train + validation + test > 0
          ? ([
              [
                'Splits in the data',
                `${count(train)} train, ${count(validation)} validation, ${count(test)} test`,
              ],
            ] as [string, string][])
          : []),
        [
          'Content hash',
          <CopyText
            key="hash"
            value={version.contentHash}
            shown={`${version.contentHash.slice(0, 12)}…`}
            what="content hash"
          />,
        ],
      ]}
    />
  );
}

/** Statistics and samples; also what *New model* shows of the chosen data. */
export function VersionContent({ version }: { version: DatasetVersion }) {
  const { dataset: name, version: number, profile } = version;
  const preview = useQuery(read(getDatasetPreview, { params: { name, version: number } }));
  return (
    <>
      <Section title={profile.kind === 'table' ? 'Columns' : 'Labels'}>
        {profile.kind === 'table' ? (
          <ColumnStatistics profile={profile} />
        ) : (
          <PictureLabels
            profile={profile}
            pictures={preview.data?.kind === 'images' ? preview.data.pictures : undefined}
          />
        )}
      </Section>
      {preview.error && <ProblemNote error={preview.error} retry={() => void preview.refetch()} />}
      {profile.kind === 'table' && (
        <Section title="Sample rows">
          {preview.data?.kind === 'table' ? (
            <SampleRows preview={preview.data} />
          ) : (
            <Skeleton h={160} />
          )}
        </Section>
      )}
    </>
  );
}

function UsedBy({ version }: { version: DatasetVersion }) {
  if (version.usedBy.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        None yet.{' '}
        <Anchor
          renderRoot={(props) => (
            <Link
              to="/new"
              search={{ dataset: `${version.dataset}@${version.version}` }}
              {...props}
            />
          )}
        >
          Train the first
        </Anchor>
      </Text>
    );
  }
  return (
    <Stack gap={6}>
      {version.usedBy.map((use) => (
        <Group key={use.jobId} gap="sm">
          <Anchor
            size="sm"
            renderRoot={(props) => <Link to="/jobs/$id" params={{ id: use.jobId }} {...props} />}
          >
            {use.model}
          </Anchor>
          <StateBadge state={use.state} />
        </Group>
      ))}
      {version.usedBy.length > 50 && (
        <Text size="xs" c="dimmed">
          {counted(version.usedBy.length, 'job')}
        </Text>
      )}
    </Stack>
  );
}
