import { infiniteQueryOptions, QueryClient, queryOptions } from '@tanstack/react-query';
import type { Operation, OperationInput } from '@vanda/contracts';
import { call } from './call.ts';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Events say when something changed; the stale time only bounds what a missed event can cost.
      staleTime: 15_000,
      // The client tries again by itself where that may help.
      retry: false,
      networkMode: 'always',
    },
    mutations: {
      networkMode: 'always',
    },
  },
});

/** The query of a reading operation; its key begins with the noun, so that events can invalidate by noun. */
export function read<T extends Operation>(operation: T, input: OperationInput<T>) {
  return queryOptions({
    queryKey: [nounOf(operation), operation.id, input],
    queryFn: ({ signal }) => call(operation, input, { signal }),
  });
}

interface Page<R> {
  data: R[];
  has_more: boolean;
  last_id: string | null;
}

/** A list read page by page. */
export function readPages<R>(operation: Operation, query: Record<string, unknown>) {
  return infiniteQueryOptions({
    queryKey: [nounOf(operation), operation.id, 'pages', query],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam }) =>
      call(operation, { query: { ...query, after: pageParam } } as never, { signal }) as Promise<
        Page<R>
      >,
    getNextPageParam: (page) => (page.has_more ? (page.last_id ?? undefined) : undefined),
  });
}

function nounOf(operation: Operation): string {
  return operation.id.split('.')[0] ?? operation.id;
}

/** What may look different after a change of a noun. */
const touched: Record<string, string[]> = {
  dataset: ['datasets', 'ingests'],
  ingest: ['datasets', 'ingests'],
  upload: ['uploads'],
  job: ['jobs', 'models', 'datasets', 'endpoints'],
  attempt: ['jobs'],
  model: ['models', 'endpoints', 'datasets'],
  export: ['exports'],
  import: ['imports', 'backbones', 'models'],
  endpoint: ['endpoints', 'models'],
  worker: ['workers', 'jobs'],
  key: ['keys'],
};

export function refreshNoun(noun: string): void {
  const singular = noun
    .replace(/s$/, '')
    .replace(/-version$/, '')
    .replace(/^api-/, '');
  for (const first of touched[singular] ?? [noun]) {
    void queryClient.invalidateQueries({ queryKey: [first] });
  }
}
