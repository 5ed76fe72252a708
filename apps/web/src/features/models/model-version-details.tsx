import { Anchor, SimpleGrid, Skeleton, Stack } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ModelVersionView, sourceFormats, type TensorField } from '@vanda/contracts';
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
import { SourceFiles } from './source-files.tsx';

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
      {version.source === null && (
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
      )}
      <ExportFormats version={version} />
      {version.source && <SourceFiles source={version.source} />}
      {version.spec && (
        <Section title="Spec">
          <Suspense fallback={<Skeleton h={200} />}>
            <YamlText value={version.spec} what="spec" />
          </Suspense>
        </Section>
      )}
    </Stack>
  );
}

function lineage(version: ModelVersionView): [string, ReactNode][] {
  return [
    ...origin(version),
    ['Takes', takes(version.signature)],
    ['Answers', answers(version.signature)],
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

function origin({ jobId, dataset, base, source }: ModelVersionView): [string, ReactNode][] {
  const facts: [string, ReactNode][] = [];
  if (jobId !== null) {
    const link = (props: object) => <Link to="/jobs/$id" params={{ id: jobId }} {...props} />;
    facts.push([
      'Made by',
      <Anchor key="job" size="sm" renderRoot={link}>
        job {jobId.slice(0, 12)}
      </Anchor>,
    ]);
  }
  if (dataset !== null) {
    const { name, version } = dataset;
    const link = (props: object) => (
      <Link to="/datasets/$name" params={{ name }} search={{ version }} {...props} />
    );
    facts.push([
      'Data',
      <Anchor key="data" size="sm" renderRoot={link}>
        {name}@{version}
      </Anchor>,
    ]);
  }
  if (base !== null) facts.push(['Built on', <VersionLink key="base" reference={base} />]);
  if (source !== null) facts.push(['Imported from', sourceFormats[source.format]]);
  if (source?.backbone) facts.push(['Backbone', source.backbone]);
  if (source?.package) facts.push(['Package', source.package]);
  return facts;
}

function takes({ input }: ModelVersionView['signature']): string {
  switch (input.kind) {
    case 'picture':
      return `pictures, ${input.size} × ${input.size}, ${input.channels === 1 ? 'grey' : 'colour'}`;
    case 'row':
      return `rows of ${count(input.fields.length)} fields`;
    case 'tensors':
      return input.tensors.map(tensorText).join(', ');
  }
}

function answers({ output }: ModelVersionView['signature']): string {
  switch (output.kind) {
    case 'classes':
      return `one of ${count(output.labels.length)} labels`;
    case 'number':
      return `a number, ${output.target}`;
    case 'tensors':
      return output.tensors.map(tensorText).join(', ');
  }
}

function tensorText({ name, dtype, shape }: TensorField): string {
  return `${name}: ${dtype} [${shape.join(', ')}]`;
}
