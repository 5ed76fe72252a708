import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getModelVersion } from '@vanda/contracts';
import { read } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { TryPicture } from './try-picture.tsx';
import { TryRow } from './try-row.tsx';

interface Props {
  endpoint: string;
  model: string;
  version: number;
}

/** Asks the endpoint as an app would, with a form made from the model's signature. */
export function TryIt({ endpoint, model, version }: Props) {
  const facts = useQuery(read(getModelVersion, { params: { name: model, version } }));
  if (facts.error) return <ProblemNote error={facts.error} retry={() => void facts.refetch()} />;
  if (!facts.data) return <Skeleton h={180} />;
  const { input } = facts.data.signature;
  return input.kind === 'picture' ? (
    <TryPicture endpoint={endpoint} size={input.size} channels={input.channels} />
  ) : (
    <TryRow endpoint={endpoint} fields={input.fields} output={facts.data.signature.output} />
  );
}
