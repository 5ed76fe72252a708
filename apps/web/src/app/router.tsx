import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
} from '@tanstack/react-router';
import { z } from 'zod';
import { ProblemNote } from '../ui/problem-note.tsx';
import { NotFound } from './not-found.tsx';
import { Shell } from './shell.tsx';

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: ({ error, reset }) => <ProblemNote error={error} retry={reset} />,
});

const optional = { text: z.string().optional().catch(undefined) };
const whole = z.coerce.number().int().positive().optional().catch(undefined);

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: z.object({ next: optional.text }),
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
  validateSearch: z.object({ dataset: optional.text, job: optional.text, from: optional.text }),
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
  validateSearch: z.object({ version: whole }),
  component: lazyRouteComponent(
    () => import('../features/datasets/dataset-page.tsx'),
    'DatasetPage',
  ),
});
const jobs = createRoute({
  getParentRoute: () => shell,
  path: '/jobs',
  validateSearch: z.object({ state: optional.text, name: optional.text }),
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
  validateSearch: z.object({ version: whole, compare: whole }),
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
