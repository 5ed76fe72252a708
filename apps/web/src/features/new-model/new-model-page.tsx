import { Alert, Button, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import {
  createJob,
  getDataset,
  getDatasetVersion,
  getJob,
  parseVersionedName,
} from '@vanda/contracts';
import { useCallback, useEffect, useRef } from 'react';
import { call } from '../../lib/call.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { PageHeader, PageSkeleton } from '../../ui/page-header.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Section } from '../../ui/section.tsx';
import { useLiveJob } from '../jobs/use-live-job.ts';
import { DataStep } from './data-step.tsx';
import { DraftContext } from './draft-context.ts';
import { textOf } from './draft-text.ts';
import { guessSpec } from './guess-spec.ts';
import { LiveTraining } from './live-training.tsx';
import { TimeEstimate } from './time-estimate.tsx';
import { TrainForm } from './train-form.tsx';
import { TryStep } from './try-step.tsx';
import { useDraftState } from './use-draft-state.ts';
import { YamlEditor } from './yaml-editor.tsx';

const route = getRouteApi('/shell/new');

/** Data, train, try: one page, whose address names what it works on, so that a reload goes on. */
export function NewModelPage() {
  const { job } = route.useSearch();
  return job === undefined ? <Prepare /> : <Watch id={job} />;
}

function Prepare() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const draft = useDraftState();
  const { setText } = draft;
  const origin = useQuery({
    ...read(getJob, { params: { id: search.from ?? '' } }),
    enabled: search.from !== undefined,
  });
  const chosen = search.dataset ?? origin.data?.dataset.name;
  const { version, error } = useDatasetVersion(chosen);

  // The text begins as a guess for the chosen data, or as the spec of an earlier job.
  const began = useRef<string | null>(null);
  useEffect(() => {
    const source = origin.data && search.dataset === undefined ? origin.data.id : version?.id;
    if (source === undefined || began.current === source) return;
    began.current = source;
    if (source === origin.data?.id) setText(textOf(origin.data.submittedSpec));
    else if (version) setText(textOf(guessSpec(version, search.base)));
  }, [origin.data, version, search.dataset, search.base, setText]);

  const choose = useCallback(
    (dataset: string | undefined) =>
      void navigate({ to: '/new', search: { dataset, base: search.base } }),
    [navigate, search.base],
  );
  const submit = useMutation({
    mutationFn: () => call(createJob, { body: { spec: draft.view.spec ?? {} } }),
    onSuccess: (made) => {
      refreshNoun('job');
      void navigate({ to: '/new', search: { job: made.id } });
    },
  });
  return (
    <>
      <PageHeader title="New model" />
      <Stack gap="md">
        <DataStep chosen={chosen} version={version} error={error} onChoose={choose} />
        {chosen === undefined ? (
          <Section title="2. Train">
            <Text c="dimmed">What to train appears here, filled in, as soon as there is data.</Text>
          </Section>
        ) : (
          <DraftContext value={draft.view}>
            <Section title="2. Train">
              <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl">
                <Stack gap="md">
                  <TrainForm version={version} />
                  {draft.warnings.map((warning) => (
                    <Alert key={warning} color="yellow" variant="light" p="sm">
                      <Text size="sm">{warning}</Text>
                    </Alert>
                  ))}
                  {draft.trouble && <ProblemNote error={draft.trouble} />}
                  {submit.error && <ProblemNote error={submit.error} />}
                  <TimeEstimate estimate={draft.estimate} />
                  <Button
                    size="md"
                    disabled={!draft.ready}
                    loading={submit.isPending}
                    onClick={() => submit.mutate()}
                    style={{ alignSelf: 'flex-start' }}
                  >
                    Train
                  </Button>
                </Stack>
                <YamlEditor text={draft.text} errors={draft.view.errors} onChange={setText} />
              </SimpleGrid>
            </Section>
          </DraftContext>
        )}
        <TryStep job={undefined} />
      </Stack>
    </>
  );
}

/** The version that a reference names; a name alone means the latest. */
function useDatasetVersion(reference: string | undefined) {
  const { name, version } = parseVersionedName(reference ?? '');
  const dataset = useQuery({
    ...read(getDataset, { params: { name } }),
    enabled: reference !== undefined && version === null,
  });
  const number = version ?? dataset.data?.latestVersion ?? 0;
  const found = useQuery({
    ...read(getDatasetVersion, { params: { name, version: number } }),
    enabled: reference !== undefined && number > 0,
  });
  return {
    version: reference === undefined ? undefined : found.data,
    error: reference === undefined ? null : (dataset.error ?? found.error),
  };
}

function Watch({ id }: { id: string }) {
  const { job, curves } = useLiveJob(id);
  if (job.error && !job.data) {
    return <ProblemNote error={job.error} retry={() => void job.refetch()} />;
  }
  if (!job.data) return <PageSkeleton />;
  const { dataset } = job.data;
  return (
    <>
      <PageHeader title={job.data.name} description="New model" />
      <Stack gap="md">
        <Section title="1. Data">
          <Text size="sm">
            {dataset.name}@{dataset.version}
          </Text>
        </Section>
        <LiveTraining job={job.data} curves={curves.data} />
        <TryStep key={id} job={job.data} />
      </Stack>
    </>
  );
}
