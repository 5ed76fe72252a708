import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { JobView } from '@vanda/contracts';
import type { ReactNode } from 'react';
import { duration } from '../../lib/format.ts';
import { CopyText } from '../../ui/copy-text.tsx';
import { Facts } from '../../ui/facts.tsx';
import { Section } from '../../ui/section.tsx';
import { TimeAgo } from '../../ui/time-ago.tsx';
import { VersionLink } from '../../ui/version-link.tsx';

export function JobFacts({ job }: { job: JobView }) {
  const { dataset } = job;
  const end = job.finishedAt ? new Date(job.finishedAt).getTime() : Date.now();
  return (
    <Section title="About">
      <Facts
        facts={[
          [
            'Data',
            <Anchor
              key="data"
              size="sm"
              renderRoot={(props) => (
                <Link
                  to="/datasets/$name"
                  params={{ name: dataset.name }}
                  search={{ version: dataset.version }}
                  {...props}
                />
              )}
            >
              {dataset.name}@{dataset.version}
            </Anchor>,
          ],
          [
            'Data hash',
            <CopyText
              key="hash"
              value={dataset.contentHash}
              shown={`${dataset.contentHash.slice(0, 12)}…`}
              what="content hash"
            />,
          ],
          ...(job.base
            ? ([['Built on', <VersionLink key="base" reference={job.base} />]] as [
                string,
                ReactNode,
              ][])
            : []),
          ['Submitted', <TimeAgo key="at" at={job.createdAt} />],
          [
            'Took',
            job.startedAt
              ? duration((end - new Date(job.startedAt).getTime()) / 1000)
              : 'not begun',
          ],
          ['Device', job.device],
          ['Priority', String(job.priority)],
          ...(job.progress?.bestEpoch
            ? ([['Best epoch', String(job.progress.bestEpoch)]] as [string, string][])
            : []),
          ...(job.splits
            ? ([
                [
                  'Splits',
                  <Anchor key="splits" href={job.splits} size="sm">
                    Parquet of row and split
                  </Anchor>,
                ],
              ] as [string, ReactNode][])
            : []),
          ...(job.predictions
            ? ([
                [
                  'Predictions',
                  <Anchor key="predictions" href={job.predictions} size="sm">
                    Parquet of the test split
                  </Anchor>,
                ],
              ] as [string, ReactNode][])
            : []),
        ]}
      />
    </Section>
  );
}
