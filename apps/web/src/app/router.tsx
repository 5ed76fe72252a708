import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
} from '@tanstack/react-router';
import { ProblemNote } from '../ui/problem-note.tsx';
import { NotFound } from './not-found.tsx';
import { Shell } from './shell.tsx';

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: ({ error, reset }) => <ProblemNote error={error} retry={reset} />,
});

/** What an address says is a wish: whatever does not fit is left out. */
type Search = Record<string, unknown>;

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function whole(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Search): { next?: string } => ({ next: text(search.next) }),
  component: lazyRouteComponent(
    () => import('../features/accounts/sign-in-page.tsx'),
    'SignInPage',
  ),
});

const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell });

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('../features/home/home-page.tsx'), 'HomePage'),
});
const newModel = createRoute({
  getParentRoute: () => shell,
  path: '/new',
  validateSearch: (
    search: Search,
  ): { dataset?: string; job?: string; from?: string; base?: string } => ({
    dataset: text(search.dataset),
    job: text(search.job),
    from: text(search.from),
    base: text(search.base),
  }),
  component: lazyRouteComponent(
    () => import('../features/new-model/new-model-page.tsx'),
    'NewModelPage',
  ),
});
const datasets = createRoute({
  getParentRoute: () => shell,
  path: '/datasets',
  component: lazyRouteComponent(
    () => import('../features/datasets/datasets-page.tsx'),
    'DatasetsPage',
  ),
});
const dataset = createRoute({
  getParentRoute: () => shell,
  path: '/datasets/$name',
  validateSearch: (search: Search): { version?: number } => ({ version: whole(search.version) }),
  component: lazyRouteComponent(
    () => import('../features/datasets/dataset-page.tsx'),
    'DatasetPage',
  ),
});
const jobs = createRoute({
  getParentRoute: () => shell,
  path: '/jobs',
  validateSearch: (search: Search): { state?: string; name?: string } => ({
    state: text(search.state),
    name: text(search.name),
  }),
  component: lazyRouteComponent(() => import('../features/jobs/jobs-page.tsx'), 'JobsPage'),
});
const job = createRoute({
  getParentRoute: () => shell,
  path: '/jobs/$id',
  component: lazyRouteComponent(() => import('../features/jobs/job-page.tsx'), 'JobPage'),
});
const models = createRoute({
  getParentRoute: () => shell,
  path: '/models',
  component: lazyRouteComponent(() => import('../features/models/models-page.tsx'), 'ModelsPage'),
});
const model = createRoute({
  getParentRoute: () => shell,
  path: '/models/$name',
  validateSearch: (search: Search): { version?: number; compare?: number } => ({
    version: whole(search.version),
    compare: whole(search.compare),
  }),
  component: lazyRouteComponent(() => import('../features/models/model-page.tsx'), 'ModelPage'),
});
const endpoints = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints',
  component: lazyRouteComponent(
    () => import('../features/endpoints/endpoints-page.tsx'),
    'EndpointsPage',
  ),
});
const endpoint = createRoute({
  getParentRoute: () => shell,
  path: '/endpoints/$name',
  component: lazyRouteComponent(
    () => import('../features/endpoints/endpoint-page.tsx'),
    'EndpointPage',
  ),
});
const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  component: lazyRouteComponent(
    () => import('../features/accounts/settings-page.tsx'),
    'SettingsPage',
  ),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    shell.addChildren([
      home,
      newModel,
      datasets,
      dataset,
      jobs,
      job,
      models,
      model,
      endpoints,
      endpoint,
      settings,
    ]),
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
