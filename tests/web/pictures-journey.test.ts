import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, waitForJob } from '@vanda/client';
import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  accessibilityProblems,
  type Dashboard,
  dropFiles,
  expectNoPageErrors,
  openDashboard,
  sidewaysOverflow,
} from './dashboard.fixture.ts';

// The way of a person with pictures: a zip, one item of which is none, a model, an endpoint, a picture asked about.

let dashboard: Dashboard;
let page: Page;
beforeAll(async () => {
  dashboard = await openDashboard();
  page = await dashboard.open('/datasets');
}, 120_000);
afterAll(() => dashboard?.stop());

/** A square of one hue with a little of its own in each, so that no two are the same. */
function square(red: number, blue: number, seed: number): Promise<Buffer> {
  const background = { r: red + (seed % 40), g: (seed * 7) % 60, b: blue + ((seed * 3) % 40) };
  return sharp({ create: { width: 24, height: 24, channels: 3, background } })
    .png()
    .toBuffer();
}

async function zipOfPictures(): Promise<Buffer> {
  const files: Record<string, Uint8Array> = {};
  for (let index = 0; index < 40; index += 1) {
    files[`flags/red/${index}.png`] = await square(200, 0, index);
    files[`flags/blue/${index}.png`] = await square(0, 200, index);
  }
  files['flags/red/letter.png'] = Buffer.from('This is no picture.');
  return Buffer.from(zipSync(files));
}

test('a dropped zip becomes labels with thumbnails; what is no picture is named', async () => {
  await page.getByRole('button', { name: 'Add data' }).first().click();
  await dropFiles(page, [{ name: 'flags.zip', bytes: await zipOfPictures() }]);
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.getByText('80 items accepted, 1 rejected.').first().waitFor({ timeout: 60_000 });
  await page
    .getByRole('img', { name: /^red: / })
    .first()
    .waitFor();
  await page
    .getByRole('img', { name: /^blue: / })
    .first()
    .waitFor();
  await page
    .getByText(/letter\.png/)
    .first()
    .waitFor();
  const download = page.getByRole('link', {
    name: 'Download all rejected items with their reasons',
  });
  const rejected = await fetch((await download.getAttribute('href')) ?? '');
  expect(await rejected.text()).toContain('letter.png');
}, 90_000);

test('a chosen folder becomes the next version', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vanda-flags-'));
  for (const [label, red, blue] of [
    ['red', 200, 0],
    ['blue', 0, 200],
    ['violet', 200, 200],
  ] as const) {
    // Longer than the 100 bytes that a plain tar header has for a path.
    const inner = join(folder, label, 'a-folder-inside-with-a-long-name'.repeat(3));
    await mkdir(inner, { recursive: true });
    for (let index = 0; index < 12; index += 1) {
      await writeFile(join(inner, `${index}.png`), await square(red, blue, 50 + index));
    }
  }
  await page.getByRole('button', { name: 'Add a version' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Folder', { exact: true }).setInputFiles(folder);
  await dialog.getByText('36 files').waitFor();
  await dialog.getByRole('button', { name: 'Upload' }).click();
  await page.getByText('Version 2: 36 items accepted, 0 rejected.').waitFor({ timeout: 60_000 });
  await page
    .getByRole('img', { name: /^violet: / })
    .first()
    .waitFor();
  await rm(folder, { recursive: true });
  await page.goto('/datasets/flags?version=1');
}, 90_000);

test('a job without an endpoint is followed on its page to its model', async () => {
  await page.getByRole('link', { name: 'Train a model' }).click();
  const yaml = page.getByLabel('The same as YAML');
  await expect.poll(() => yaml.inputValue()).toContain('task: image-classification');
  await page.getByLabel('Put it at a URL when it is trained').uncheck();
  await expect.poll(() => yaml.inputValue()).not.toContain('deploy');
  await yaml.fill(
    `${await yaml.inputValue()}model: { kind: cnn, filters: [8] }\ntraining: { epochs: 10 }\n`,
  );
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('link', { name: 'Open the job' }).click();
  await page.getByRole('figure', { name: /^Chart of loss/ }).waitFor({ timeout: 120_000 });
  await page.getByRole('link', { name: 'flags@1' }).first().waitFor({ timeout: 120_000 });
  await page.getByText('It made').waitFor({ timeout: 60_000 });
}, 240_000);

test('a model is retrained from the form: its base, its layer, and where it came from', async () => {
  await page.goto('/models/flags');
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Build on version 1' }).click();
  await page.waitForURL((url) => url.searchParams.get('base') === 'flags@1');
  await page.goto('/new?dataset=flags@2&base=flags@1');
  const yaml = page.getByLabel('The same as YAML');
  await expect.poll(() => yaml.inputValue()).toMatch(/dataset: flags@2.*base: flags@1/s);
  await page.getByRole('combobox', { name: 'Layer under the new head' }).waitFor();
  await page.getByLabel('Name of the model').fill('pennants');
  await page.getByLabel('Put it at a URL when it is trained').uncheck();
  const pick = async (label: string, option: string) => {
    await page.getByRole('combobox', { name: label, exact: true }).click();
    await page.getByRole('option', { name: option, exact: true }).click();
  };
  await pick('Kind of model', 'Retrain a model');
  await pick('Model to build on', 'flags');
  await pick('Version of it', '1');
  await pick('Layer under the new head', 'dense_1');
  await expect
    .poll(() => yaml.inputValue())
    .toMatch(/kind: retrain\n +base: flags@1\n +layer: dense_1/);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('link', { name: 'Open the job' }).click();
  await page.getByRole('link', { name: 'pennants@1' }).first().waitFor({ timeout: 120_000 });
  await page.getByRole('link', { name: 'flags@1' }).click();
  await page.getByRole('heading', { name: 'flags', level: 1 }).waitFor();
  const client = createClient({ baseUrl: dashboard.stack.url, apiKey: dashboard.stack.apiKey });
  const made = await client.models.version({ params: { name: 'pennants', version: 1 } });
  expect(made).toMatchObject({ base: 'flags@1', signature: { input: { size: 24, channels: 3 } } });
  expect(made.metrics.test?.accuracy).toBeGreaterThan(0.6);
  expect(await accessibilityProblems(page)).toEqual([]);
  expectNoPageErrors(page);
}, 240_000);

test('two versions are compared by the pictures that only one of them knows', async () => {
  const { stack } = dashboard;
  const client = createClient({ baseUrl: stack.url, apiKey: stack.apiKey });
  const spec = {
    name: 'flags',
    task: 'image-classification',
    dataset: 'flags@1',
    model: { kind: 'linear' },
    // So slow that it stays with whatever its first weights say.
    training: { epochs: 1, optimizer: { kind: 'sgd', learningRate: 1e-12 } },
  };
  const { id } = await client.jobs.create({ body: { spec } });
  const job = await waitForJob(client, id);
  expect(job.state, job.failure?.message).toBe('succeeded');
  await page.goto('/models/flags');
  await page.getByLabel('Compare version 1').check();
  await page.getByLabel('Compare version 2').check();
  const region = page.getByRole('region', { name: 'Where they differ' });
  await region.getByText(/^8 items are in both test splits/).waitFor();
  const onlyFirst = region.getByRole('radio', { name: /^Only v1 right/ });
  const choice = region.getByText(/^Only v1 right · \d+$/);
  const shown = Number((await choice.textContent())?.split(' ').at(-1));
  expect(shown).toBeGreaterThan(0);
  // By the keyboard alone.
  await region.getByRole('radio', { name: /^All/ }).focus();
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => onlyFirst.isChecked()).toBe(true);
  const pictures = region.getByRole('img', { name: /\.png$/ });
  await expect.poll(() => pictures.count()).toBe(shown);
  const cards = region.getByRole('listitem');
  for (const card of await cards.all()) {
    expect(await card.getByRole('img', { name: 'right', exact: true }).count()).toBe(1);
    expect(await card.getByRole('img', { name: 'wrong', exact: true }).count()).toBe(1);
    // The thumbnail, which no icon is.
    const thumbnail = card.getByRole('img', { name: /\.png$/ });
    const width = () => thumbnail.evaluate((img) => Reflect.get(img, 'naturalWidth') as number);
    await expect.poll(width).toBe(24);
  }
  expect(await region.getByRole('radio', { name: /^Both wrong/ }).isDisabled()).toBe(true);
  expect(await accessibilityProblems(page)).toEqual([]);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await sidewaysOverflow(page)).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1280, height: 720 });
  expectNoPageErrors(page);
}, 120_000);

test('the model is deployed by hand and recognises a picture that is dropped on it', async () => {
  await page.goto('/models/flags?version=1');
  await page.getByRole('button', { name: 'Deploy v1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click();
  await page.getByRole('heading', { name: 'flags', level: 1 }).waitFor();
  await page.getByText('ready', { exact: true }).waitFor({ timeout: 60_000 });
  await dropFiles(page, [{ name: 'new.png', bytes: await square(210, 0, 5) }]);
  const prediction = page.getByTestId('prediction');
  await prediction.waitFor();
  expect(await prediction.textContent()).toMatch(/^red/);
  await dropFiles(page, [{ name: 'broken.png', bytes: Buffer.from('no picture') }]);
  await page.getByRole('alert').waitFor();
  expectNoPageErrors(page);
}, 120_000);
