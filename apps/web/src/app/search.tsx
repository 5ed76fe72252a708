import '@mantine/spotlight/styles.css';
import { Spotlight, spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { listDatasets, listEndpoints, listJobs, listModels } from '@vanda/contracts';
import { useEffect, useState } from 'react';
import { read } from '../lib/queries.ts';
import { shortcuts } from './use-shortcuts.ts';

/** Finds pages and things by name; each time `wanted` grows, it opens. */
export default function Search({ wanted }: { wanted: number }) {
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (wanted > 0) spotlight.open();
  }, [wanted]);
  const query = { limit: 1000 };
  const datasets = useQuery({ ...read(listDatasets, { query }), enabled: open });
  const models = useQuery({ ...read(listModels, { query }), enabled: open });
  const endpoints = useQuery({ ...read(listEndpoints, { query }), enabled: open });
  const jobs = useQuery({ ...read(listJobs, { query: { limit: 200 } }), enabled: open });
  const actions = [
    {
      group: 'Go to',
      actions: shortcuts.map((place) => ({
        id: place.to,
        label: place.label,
        description: place.keys.join(' then '),
        onClick: () => void navigate({ to: place.to }),
      })),
    },
    {
      group: 'Data sets',
      actions: (datasets.data?.data ?? []).map((dataset) => ({
        id: dataset.id,
        label: dataset.name,
        onClick: () => void navigate({ to: '/datasets/$name', params: { name: dataset.name } }),
      })),
    },
    {
      group: 'Models',
      actions: (models.data?.data ?? []).map((model) => ({
        id: model.id,
        label: model.name,
        onClick: () => void navigate({ to: '/models/$name', params: { name: model.name } }),
      })),
    },
    {
      group: 'Endpoints',
      actions: (endpoints.data?.data ?? []).map((endpoint) => ({
        id: endpoint.id,
        label: endpoint.name,
        onClick: () => void navigate({ to: '/endpoints/$name', params: { name: endpoint.name } }),
      })),
    },
    {
      group: 'Jobs',
      actions: (jobs.data?.data ?? []).map((job) => ({
        id: job.id,
        label: job.name,
        description: `${job.sentence} (${job.id})`,
        onClick: () => void navigate({ to: '/jobs/$id', params: { id: job.id } }),
      })),
    },
  ];
  return (
    <Spotlight
      actions={actions}
      shortcut={null}
      limit={12}
      highlightQuery
      scrollable
      maxHeight={420}
      onSpotlightOpen={() => setOpen(true)}
      nothingFound="Nothing has this name."
      searchProps={{
        leftSection: <IconSearch size={18} aria-hidden />,
        placeholder: 'Search pages, data sets, jobs, models, endpoints',
        'aria-label': 'Search',
      }}
    />
  );
}
