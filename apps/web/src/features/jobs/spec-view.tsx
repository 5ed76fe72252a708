import { SegmentedControl, Skeleton, Stack } from '@mantine/core';
import type { JobView } from '@vanda/contracts';
import { lazy, Suspense, useState } from 'react';

const YamlText = lazy(() => import('./yaml-text.tsx'));

/** The spec as it was completed, and as it was submitted. */
export function SpecView({ job }: { job: Pick<JobView, 'spec' | 'submittedSpec'> }) {
  const [which, setWhich] = useState('completed');
  return (
    <Stack gap="xs" align="stretch">
      <SegmentedControl
        size="xs"
        aria-label="Which spec"
        value={which}
        onChange={setWhich}
        data={[
          { value: 'completed', label: 'As completed' },
          { value: 'submitted', label: 'As submitted' },
        ]}
        style={{ alignSelf: 'flex-start' }}
      />
      <Suspense fallback={<Skeleton h={200} />}>
        <YamlText value={which === 'completed' ? job.spec : job.submittedSpec} what="spec" />
      </Suspense>
    </Stack>
  );
}
