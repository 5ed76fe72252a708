import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  accessibilityProblems,
  type Dashboard,
  dropFiles,
  expectNoPageErrors,
  openDashboard,
  sidewaysOverflow,
  signIn,
  vegaCsv,
} from './dashboard.fixture.ts';

// Keyboard, screen reader, narrow windows, dark scheme, and an upload that outlives a reload.

let dashboard: Dashboard;
let page: Page;
beforeAll(async () => {
  dashboard = await openDashboard();
  page = await dashboard.open('/');
}, 120_000);
afterAll(() => dashboard?.stop());

test('the first page needs less than 400 kB of JavaScript and loads none from elsewhere', async () => {
  const own = await dashboard.browser.newPage({ baseURL: dashboard.stack.url });
  const scripts: Promise<number>[] = [];
  const foreign: string[] = [];
  own.on('response', (response) => {
    const url = new URL(response.url());
    if (url.protocol.startsWith('http') && url.origin !== dashboard.stack.url)
      foreign.push(url.href);
    if (url.pathname.endsWith('.js')) {
      scripts.push(response.body().then((body) => gzipSync(body).byteLength));
    }
  });
  await signIn(own, dashboard.stack);
  await own.getByText('Nothing is training.').waitFor();
  const total = (await Promise.all(scripts)).reduce((sum, bytes) => sum + bytes, 0);
  expect(total).toBeLessThan(400_000);
  expect(foreign).toEqual([]);
  await own.close();
});

test('every place is a key or two away', async () => {
  const places = [
    ['d', 'Data sets'],
    ['j', 'Jobs'],
    ['m', 'Models'],
    ['e', 'Endpoints'],
    ['s', 'Settings'],
    ['h', 'Home'],
  ] as const;
  for (const [key, heading] of places) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
  }
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Keyboard shortcuts').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('n');
  await page.getByRole('heading', { name: 'New model', level: 1 }).waitFor();
});

test('search finds a data set by its name; typing in a field goes nowhere', async () => {
  await page.goto('/datasets');
  await page.getByRole('button', { name: 'Add data' }).first().click();
  await dropFiles(page, [vegaCsv('penguins')]);
  await page.getByLabel('Name of the data set').fill('gd-birds');
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.getByText('344 items accepted, 0 rejected.').first().waitFor({ timeout: 60_000 });
  await page.goto('/');
  await page.getByRole('heading', { name: 'Home' }).waitFor();
  await page.keyboard.press('/');
  await page.getByRole('textbox', { name: 'Search' }).fill('gd-birds');
  await page.getByRole('button', { name: 'gd-birds' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'gd-birds', level: 1 }).waitFor();
}, 90_000);

test('an upload that a reload interrupts goes on by itself', async () => {
  let held = 0;
  await page.route('**/objects/**', async (route) => {
    held += 1;
    // Only until the reload: whatever was on its way is cut there.
    if (held <= 3) return;
    await route.continue();
  });
  await page.goto('/datasets');
  await page.getByRole('button', { name: 'Add data' }).first().click();
  const lines = Array.from({ length: 20_000 }, () => randomBytes(16).toString('hex'));
  const bytes = Buffer.from(`code,one\n${lines.map((line, row) => `${line},${row}`).join('\n')}`);
  await dropFiles(page, [{ name: 'codes.csv', bytes }]);
  await page.getByRole('button', { name: 'Upload' }).click();
  await expect.poll(() => held).toBeGreaterThan(0);
  await page
    .getByText(/^Uploading/)
    .first()
    .waitFor();
  held = 3;
  await page.reload();
  await page.getByText('20,000 items accepted, 0 rejected.').first().waitFor({ timeout: 60_000 });
  await page.unroute('**/objects/**');
}, 90_000);

test('an upload can be cancelled', async () => {
  await page.route('**/objects/**', () => {});
  await page.goto('/datasets');
  await page.getByRole('button', { name: 'Add data' }).first().click();
  await dropFiles(page, [{ name: 'never.csv', bytes: Buffer.from('a,b\n1,2\n') }]);
  await page.getByRole('button', { name: 'Upload' }).click();
  const cancel = page.getByRole('button', { name: 'Cancel the upload of never' }).first();
  await cancel.click();
  await cancel.waitFor({ state: 'detached' });
  await page.unroute('**/objects/**');
});

test('a server that is away is said, and the page catches up by itself', async () => {
  await page.goto('/');
  await page.getByText('Live', { exact: true }).waitFor();
  const { api } = dashboard.stack.processes;
  api.signal('SIGKILL');
  await page
    .getByText(/^Reconnecting/)
    .first()
    .waitFor({ timeout: 20_000 });
  await page.getByText('Live', { exact: true }).waitFor({ timeout: 60_000 });
}, 90_000);

test('unknown addresses, names and jobs are sentences', async () => {
  await page.goto('/nowhere');
  await page.getByText('There is nothing at this address').waitFor();
  for (const path of ['/jobs/job_none', '/models/none', '/datasets/none', '/endpoints/none']) {
    await page.goto(path);
    await page.getByRole('alert').getByText('Not found').waitFor();
  }
});

const paths = [
  '/',
  '/datasets',
  '/datasets/gd-birds',
  '/new',
  '/new?dataset=gd-birds',
  '/jobs',
  '/models',
  '/endpoints',
  '/settings',
];

test.each(['light', 'dark'] as const)(
  'axe finds nothing in the %s scheme',
  async (colorScheme) => {
    const own = await dashboard.open('/', { colorScheme });
    for (const path of paths) {
      await own.goto(path);
      await own.getByRole('heading', { level: 1 }).waitFor();
      await own.waitForLoadState('load');
      await own.getByLabel('Loading').waitFor({ state: 'detached' });
      expect(await accessibilityProblems(own), path).toEqual([]);
    }
    expectNoPageErrors(own);
    await own.context().close();
  },
  120_000,
);

test('360 pixels are enough for every page', async () => {
  const phone = await dashboard.open('/', { viewport: { width: 360, height: 740 } });
  for (const path of paths) {
    await phone.goto(path);
    await phone.getByRole('heading', { level: 1 }).waitFor();
    await phone.getByLabel('Loading').waitFor({ state: 'detached' });
    expect(await sidewaysOverflow(phone), path).toBeLessThanOrEqual(0);
  }
  await phone.getByRole('button', { name: 'Menu' }).click();
  await phone.getByRole('dialog').getByRole('link', { name: 'Jobs' }).click();
  await phone.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
  await phone.context().close();
}, 120_000);
