import { Anchor, SimpleGrid, Skeleton, Stack } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ModelVersionView } from '@vanda/contracts';
import { lazy, type ReactNode, Suspense } from 'react';
import { bytesText, count } from '../../lib/format.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { Facts } from '../../ui/facts.tsx';
import { Section } from '../../ui/section.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { VersionLink } from '../../ui/version-link.tsx';
import { ConfusionTable } from '../jobs/confusion-table.tsx';
import { MetricsTable } from '../jobs/metrics-table.tsx';
import { ExportFormats } from './export-formats.tsx';

const YamlText = lazy(() => import('../jobs/yaml-text.tsx'));

/** One version: figures, confusion, where it came from. */
export function ModelVersionDetails({ version }: { version: ModelVersionView }) {
  const matrix =
    version.metrics.test?.confusionMatrix ?? version.metrics.validation?.confusionMatrix;
  return (
    <Stack gap="md">
      <Section title={`Version ${version.version}`}>
        <Facts facts={lineage(version)} />
      </Section>
      <SimpleGrid cols={{ base: 1, lg: matrix ? 2 : 1 }} spacing="md">
        <Section title="Figures">
          <MetricsTable metrics={version.metrics} />
        </Section>
        {matrix && (
          <Section title="Confusion">
            <ConfusionTable
              matrix={matrix}
              caption={version.metrics.test?.confusionMatrix ? 'Test split' : 'Validation split'}
            />
          </Section>
        )}
      </SimpleGrid>
      <ExportFormats version={version} />
      <Section title="Spec">
        <Suspense fallback={<Skeleton h={200} />}>
          <YamlText value={version.spec} what="spec" />
        </Suspense>
      </Section>
    </Stack>
  );
}

function lineage(version: ModelVersionView): [string, ReactNode][] {
  const { input, output } = version.signature;
  return [
    [
      'Made by',
      <Anchor
        key="job"
        size="sm"
        renderRoot={(props) => <Link to="/jobs/$id" params={{ id: version.jobId }} {...props} />}
      >
        job {version.jobId.slice(0, 12)}
      </Anchor>,
    ],
    [
      'Data',
      <Anchor
        key="data"
        size="sm"
        renderRoot={(props) => (
          <Link
            to="/datasets/$name"
            params={{ name: version.dataset.name }}
            search={{ version: version.dataset.version }}
            {...props}
          />
        )}
      >
        {version.dataset.name}@{version.dataset.version}
      </Anchor>,
    ],
    ...(version.base === null
      ? []
      : ([['Built on', <VersionLink key="base" reference={version.base} />]] as [
          string,
          ReactNode,
        ][])),
    [
      'Takes',
      input.kind === 'picture'
        ? `pictures, ${input.size} × ${input.size}, ${input.channels === 1 ? 'grey' : 'colour'}`
        : `rows of ${count(input.fields.length)} fields`,
    ],
    [
      'Answers',
      output.kind === 'classes'
        ? `one of ${count(output.labels.length)} labels`
        : `a number, ${output.target}`,
    ],
    ...(version.predictions === null
      ? []
      : ([
          [
            'Predictions',
            <Anchor key="predictions" href={version.predictions} size="sm">
              Parquet of the test split
            </Anchor>,
          ],
        ] as [string, ReactNode][])),
    ['Size', bytesText(version.bytes)],
    ['Made', <TimeAgo key="made" at={version.createdAt} />],
    ['Engine', version.engineVersion],
    ['Id', <CopyText key="id" value={version.id} what="model version id" />],
  ];
}
