import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getModelVersion, predictEndpoint } from '@vanda/contracts';
import { useCallback } from 'react';
import { call } from '../../lib/call.ts';
import { read } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { TryForm } from './try-form.tsx';

interface Props {
  endpoint: string;
  model: string;
  version: number;
}

/** Asks the endpoint as an app would, with a form made from the model's signature. */
export function TryIt({ endpoint, model, version }: Props) {
  const facts = useQuery(read(getModelVersion, { params: { name: model, version } }));
  const predict = useCallback(
    (instances: unknown[]) =>
      call(predictEndpoint, { params: { name: endpoint }, body: { instances } }),
    [endpoint],
  );
  if (facts.error) return <ProblemNote error={facts.error} retry={() => void facts.refetch()} />;
  if (!facts.data) return <Skeleton h={180} />;
  return (
    <TryForm
      signature={facts.data.signature}
      asked={{ predict, revision: `${model}@${version}` }}
    />
  );
}
