import pg from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  accessibilityProblems,
  type Dashboard,
  dropFiles,
  expectNoPageErrors,
  openDashboard,
  sidewaysOverflow,
  vegaCsv,
} from './dashboard.fixture.ts';

// The way of a person with a table: sign in, drop it, train, watch, try, train again, compare, roll back.

let dashboard: Dashboard;
let page: Page;

/** The page as a screen reader and as a phone meet it. */
async function expectGoodManners() {
  expect(await accessibilityProblems(page)).toEqual([]);
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await sidewaysOverflow(page)).toBeLessThanOrEqual(0);
  await page.setViewportSize(wide ?? { width: 1280, height: 720 });
}

beforeAll(async () => {
  dashboard = await openDashboard();
}, 120_000);
afterAll(() => dashboard?.stop());

test('a wrong password is refused with a sentence, the right one leads back to the page', async () => {
  const { stack, browser } = dashboard;
  const stranger = await browser.newPage({ baseURL: stack.url });
  await stranger.goto('/datasets');
  await stranger.getByLabel('Email').fill(stack.email);
  await stranger.getByLabel(/^Password/).fill('not the password');
  await stranger.getByRole('button', { name: 'Sign in' }).click();
  await stranger.getByRole('alert').waitFor();
  await stranger.close();
  page = await dashboard.open('/datasets');
  await page.getByRole('heading', { name: 'Data sets' }).waitFor();
  await page.getByText('No data yet').waitFor();
});

test('a dropped CSV is uploaded, read and shown with its statistics', async () => {
  await page.keyboard.press('n');
  await page.getByRole('heading', { name: 'New model', level: 1 }).waitFor();
  await dropFiles(page, [vegaCsv('penguins')]);
  expect(await page.getByLabel('Name of the data set').inputValue()).toBe('penguins');
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.getByText('344 rows').waitFor({ timeout: 60_000 });
  await page
    .getByRole('img', { name: /^Histogram from/ })
    .first()
    .waitFor();
  await page.getByRole('cell', { name: 'Torgersen' }).first().waitFor();
}, 90_000);

test('task and target are guessed; form and YAML are the same thing', async () => {
  const yaml = page.getByLabel('The same as YAML');
  await expect.poll(() => yaml.inputValue()).toContain('target: Species');
  expect(await yaml.inputValue()).toContain('task: tabular-classification');

  await page.getByRole('button', { name: 'More', exact: true }).click();
  const epochs = page.getByLabel('Epochs', { exact: true });
  await expect.poll(() => epochs.getAttribute('placeholder')).toMatch(/^\d+$/);
  await epochs.fill('12');
  await expect.poll(() => yaml.inputValue()).toMatch(/training:\n {2}epochs: 12/);

  await yaml.fill((await yaml.inputValue()).replace('epochs: 12', 'epochs: 20'));
  await expect.poll(() => epochs.inputValue()).toBe('20');
});

test('what is wrong in the YAML is said at its line and at its field', async () => {
  const yaml = page.getByLabel('The same as YAML');
  const right = await yaml.inputValue();
  await yaml.fill(right.replace('epochs: 20', 'epochs: -1'));
  await page.getByText(/Line \d+: \/training\/epochs Must be at least 1/).waitFor();
  expect(await page.getByRole('button', { name: 'Train', exact: true }).isDisabled()).toBe(true);
  // What only the server knows is shown the same way.
  await yaml.fill(right.replace('target: Species', 'target: Nothing'));
  await page.getByText(/Line \d+: \/target/).waitFor();
  await yaml.fill(`${right}\n  - broken: [`);
  await page.getByText(/^Line \d+:/).waitFor();
  await yaml.fill(right);
  await expect
    .poll(() => page.getByRole('button', { name: 'Train', exact: true }).isEnabled())
    .toBe(true);
});

test('the page says how long the training will take', async () => {
  const estimate = page.getByTestId('time-estimate');
  await expect.poll(() => estimate.textContent(), { timeout: 30_000 }).toMatch(/^About .*machine/);
});

test('training is seen live, and the model can be tried on the same page', async () => {
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('progressbar', { name: 'Progress of the job' }).waitFor();
  await page.getByRole('figure', { name: /^Chart of loss/ }).waitFor({ timeout: 90_000 });
  await page.getByRole('button', { name: 'Predict' }).waitFor({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Predict' }).click();
  const prediction = page.getByTestId('prediction');
  await prediction.waitFor();
  expect(await prediction.textContent()).toMatch(/(Adelie|Chinstrap|Gentoo)[\s\S]*% sure/);
  await expectGoodManners();
  expectNoPageErrors(page);
}, 240_000);

test('the job page has curves, log, spec, attempts and points', async () => {
  await page.getByRole('link', { name: 'Open the job' }).click();
  await page.getByRole('heading', { name: 'penguins', level: 1 }).waitFor();
  await page.getByRole('figure', { name: /^Chart of loss.*train from.*validation from/ }).waitFor();
  await page.getByText(/^([\d,]+) of \1 points received$/).waitFor();
  await page
    .getByRole('log')
    .getByText(/Epoch 1 of 20/)
    .waitFor();
  await page.getByLabel('spec', { exact: true }).getByText('epochs: 20').waitFor();
  await page.getByText(/rows are the truth, columns the prediction/).waitFor();
  expect(await page.getByRole('row').filter({ hasText: 'wrk_' }).count()).toBe(1);
  await expectGoodManners();
});

test('a second version is trained from the first, compared and deployed', async () => {
  await page.getByRole('link', { name: 'Train again' }).click();
  const yaml = page.getByLabel('The same as YAML');
  await expect.poll(() => yaml.inputValue()).toContain('epochs: 20');
  await yaml.fill((await yaml.inputValue()).replace('epochs: 20', 'epochs: 8'));
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('button', { name: 'Predict' }).waitFor({ timeout: 120_000 });

  await page.goto('/models/penguins');
  await page.getByLabel('Compare version 1').check();
  await page.getByLabel('Compare version 2').check();
  await page.getByRole('heading', { name: 'Version 1 and version 2' }).waitFor();
  await page.getByRole('row', { name: '/training/epochs 20 8' }).waitFor();
  expect(await page.getByText(/rows are the truth/).count()).toBe(2);
  await page
    .getByRole('figure', { name: /train v1 from.*train v2 from/ })
    .first()
    .waitFor();
  await page
    .getByRole('region', { name: 'Where they differ' })
    .getByText(
      /^34 items are in both test splits: both are right on \d+, and wrong in the same way/,
    )
    .waitFor();
  await expectGoodManners();
}, 240_000);

test('a version is exported to another format, with how alike it answers', async () => {
  await page.goto('/models/penguins?version=1');
  await page.getByRole('button', { name: 'Export as ONNX', exact: true }).click();
  await page.getByRole('link', { name: 'Download ONNX', exact: true }).waitFor({ timeout: 60_000 });
  await page.getByText(/ an item, accuracy \d.*% \(was \d.*%\)$/).waitFor();
  const compared =
    /% the same label, at most .* apart, on \d+ items of the validation split, run with/;
  await page.getByText(compared).waitFor();
  await expectGoodManners();
}, 120_000);

test('an endpoint is rolled back to an earlier change, and its snippets carry a key', async () => {
  await page.goto('/endpoints/penguins');
  await page.getByRole('link', { name: 'penguins@2' }).waitFor();
  await page
    .getByRole('button', { name: /^Roll back to here: version 1/ })
    .first()
    .click();
  await page.getByRole('link', { name: 'penguins@1' }).waitFor({ timeout: 60_000 });
  await page.getByText('Rolled back to version 1').waitFor();
  await expectGoodManners();

  await page.getByRole('button', { name: 'Make a key and fill it in' }).click();
  const curl = page.getByLabel('curl snippet', { exact: true });
  await expect.poll(() => curl.textContent()).toMatch(/Bearer vnd_/);
  const text = (await curl.textContent()) ?? '';
  const key = /vnd_[A-Za-z0-9_-]+/.exec(text)?.[0];
  const url = /https?:\S+:predict/.exec(text)?.[0];
  const body = /-d '(.*)'/.exec(text)?.[1];
  const answer = await fetch(url ?? '', {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}` },
    body,
  });
  expect(await answer.json()).toMatchObject({ predictions: [{ label: expect.any(String) }] });
  expectNoPageErrors(page);
}, 120_000);

/** Which epoch the page says it lets one try; 0 while it does not. */
async function epochToTry(): Promise<number> {
  const note = page.getByText(/^After epoch \d+: accuracy [\d.]+ on the validation split\.$/);
  if ((await note.count()) === 0) return 0;
  return Number(/\d+/.exec((await note.textContent()) ?? '')?.[0]);
}

test('it is tried while it trains; what is filled in stays when the model takes over', async () => {
  await page.goto('/new?dataset=penguins');
  const yaml = page.getByLabel('The same as YAML');
  await expect.poll(() => yaml.inputValue()).toContain('target: Species');
  const longer = [
    'model: { kind: mlp, hidden: [256, 256] }',
    'training: { epochs: 1500, batchSize: 16, earlyStopping: null, optimizer: { kind: sgd, learningRate: 0.0005 } }',
  ];
  await yaml.fill(`${await yaml.inputValue()}${longer.join('\n')}\n`);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByText('It appears here by itself as soon as').waitFor();
  await page.getByRole('button', { name: 'Predict' }).waitFor({ timeout: 60_000 });
  await page.getByLabel('Body Mass (g)').fill('5600');
  await page.getByRole('button', { name: 'Predict' }).click();
  const prediction = page.getByTestId('prediction');
  await prediction.waitFor();
  await page.getByText(/^Training, epoch \d+ of 1,?500/).waitFor();
  const [epoch, answer] = [await epochToTry(), await prediction.textContent()];
  expect(epoch).toBeGreaterThan(0);
  await expectGoodManners();
  await expect.poll(epochToTry, { timeout: 30_000 }).toBeGreaterThan(epoch);
  // The better epoch was asked the same by itself.
  await expect.poll(() => prediction.textContent(), { timeout: 10_000 }).not.toBe(answer);
  await page.getByText('It answers at').waitFor({ timeout: 120_000 });
  expect(await page.getByLabel('Body Mass (g)').inputValue()).toBe('5600');
  expect(await prediction.textContent()).toMatch(/% sure/);
  await page.getByRole('button', { name: 'Predict' }).click();
  await prediction.waitFor();
  expectNoPageErrors(page);
}, 240_000);

test('a long job is seen at home, tried on its page and cancelled there', async () => {
  await page.goto('/new?dataset=penguins');
  const yaml = page.getByLabel('The same as YAML');
  await expect.poll(() => yaml.inputValue()).toContain('target: Species');
  const long = 'training: { epochs: 10000, earlyStopping: null }';
  await yaml.fill(`${await yaml.inputValue()}${long}\n`);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByText(/Training, epoch \d+ of 10,?000/).waitFor({ timeout: 60_000 });
  await page.goto('/');
  await page.getByText(/Training, epoch \d+ of 10,?000/).click();
  await page.getByRole('button', { name: 'Predict' }).click({ timeout: 60_000 });
  await page.getByTestId('prediction').waitFor();
  expect(await epochToTry()).toBeGreaterThan(0);
  await expectGoodManners();
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByText('cancelled', { exact: true }).first().waitFor({ timeout: 30_000 });
  await page.getByRole('figure', { name: /^Chart of loss/ }).waitFor();
  expect(await page.getByRole('button', { name: 'Predict' }).count()).toBe(0);
}, 180_000);

test('ten thousand jobs are listed, and only those in view are in the page', async () => {
  const client = new pg.Client(dashboard.stack.postgres.url());
  await client.connect();
  // Copies of the jobs that ended, so that the list is as long as that of a busy year.
  await client
    .query(`
    INSERT INTO jobs SELECT (jsonb_populate_record(job, jsonb_build_object(
      'id', 'job_0' || lpad((10001 - n)::text, 6, '0'), 'name', 'copy-' || n,
      'created_at', job.created_at - make_interval(mins => n)))).*
    FROM jobs job, generate_series(1, 10000) n
    WHERE job.id = (SELECT min(id) FROM jobs WHERE state = 'succeeded')`)
    .finally(() => client.end());
  await page.goto('/jobs');
  await page.getByRole('row', { name: 'copy-1 succeeded' }).waitFor();
  for (const wanted of ['copy-150', 'copy-390', 'copy-2000']) {
    const row = page.getByRole('row').filter({ hasText: new RegExp(`^${wanted}succeeded`) });
    await expect
      .poll(
        async () => {
          await page.mouse.wheel(0, 20_000);
          return (await row.count()) > 0 || (await lastShown()) > Number(wanted.slice(5));
        },
        { timeout: 60_000 },
      )
      .toBe(true);
    expect(await page.getByRole('row').count()).toBeLessThan(80);
  }
  expectNoPageErrors(page);
}, 120_000);

/** The number of the last copy in view. */
async function lastShown(): Promise<number> {
  const text = await page.getByRole('row').last().textContent();
  return Number(/copy-(\d+)/.exec(text ?? '')?.[1] ?? 0);
}

test('what is in use cannot be deleted; what is not goes after its name was typed', async () => {
  await page.goto('/models/penguins');
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete the model' }).click();
  await page.getByLabel('Type penguins to confirm').fill('penguin');
  expect(await page.getByRole('button', { name: 'Delete', exact: true }).isDisabled()).toBe(true);
  await page.getByLabel('Type penguins to confirm').fill('penguins');
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page
    .getByRole('alert')
    .getByText(/Still in use/)
    .waitFor();

  await page.goto('/endpoints/penguins');
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Type penguins to confirm').fill('penguins');
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('No endpoints yet').waitFor();
}, 60_000);
