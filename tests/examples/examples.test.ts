import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack, type TestStack } from '@vanda/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonFrom, runVanda } from '../cli/run-vanda.ts';

// Every example does what its own first lines say: they are run as they stand. The digits are the first job of
// `npm start`, which has a test of its own.

const root = join(import.meta.dirname, '../..');
let stack: TestStack;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-examples-'));
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

interface Submitted {
  state: string;
  model: string;
  metrics: { test: Record<string, number> };
  endpoint?: { url: string };
}

const vanda = (words: string[]) =>
  runVanda([...words, '--json'], {
    ...process.env,
    VANDA_URL: stack.url,
    VANDA_API_KEY: stack.apiKey,
  });

/** Runs the push and the submission of an example's comment; `path` stands in for the data that is the reader's own. */
async function follow(example: string, path?: string): Promise<Submitted> {
  const text = await readFile(join(root, 'examples', example), 'utf8');
  const commands = [...text.matchAll(/^# {3}npx vanda (.*)$/gm)].map((match) => match[1] ?? '');
  const push = commands.find((one) => one.startsWith('datasets push '))?.split(' ') ?? [];
  const submit = commands.find((one) => one.startsWith('jobs submit '))?.split(' ') ?? [];
  expect([push.length, submit.length]).toEqual([4, 4]);
  const pushed = await vanda([...push.slice(0, 3), path ?? join(root, push[3] ?? '')]);
  expect(pushed.code, pushed.stderr).toBe(0);
  const submitted = await vanda(['jobs', 'submit', join(root, submit[2] ?? ''), '--wait']);
  expect(submitted.code, submitted.stderr).toBe(0);
  return jsonFrom<Submitted & Record<string, unknown>>(submitted);
}

test('penguins', async () => {
  const job = await follow('penguins.yaml');
  expect(job).toMatchObject({ state: 'succeeded', model: 'penguins@1' });
  expect(job.metrics.test.accuracy).toBeGreaterThan(0.9);
  expect(job.endpoint?.url).toMatch(/\/v1\/models\/penguins:predict$/);
});

test('cars', async () => {
  const job = await follow('cars.yaml');
  expect(job.metrics.test.r2).toBeGreaterThan(0.7);
  expect(job.endpoint?.url).toMatch(/\/v1\/models\/cars:predict$/);
});

test('movies', async () => {
  const job = await follow('movies.yaml');
  expect(job.metrics.test.r2).toBeGreaterThan(0.4);
  expect(job.endpoint).toBeUndefined();
});

test('flights, three million rows', async () => {
  const job = await follow('flights.yaml');
  expect(job.state).toBe('succeeded');
  expect(job.metrics.test.count).toBeGreaterThan(290_000);
});

test('pictures of your own', async () => {
  const pictures = join(folder, 'orchids');
  for (const label of ['vanda', 'other']) {
    await mkdir(join(pictures, label), { recursive: true });
    for (let index = 0; index < 40; index++) await drawFlower(pictures, label, index);
  }
  const job = await follow('orchids.yaml', pictures);
  expect(job.metrics.test.accuracy).toBeGreaterThanOrEqual(0.8);
  expect(job.endpoint?.url).toMatch(/\/v1\/models\/orchids:predict$/);
});

test('a few pictures more, on what those taught', async () => {
  const pictures = join(folder, 'lilies');
  for (const label of ['vanda', 'other']) {
    await mkdir(join(pictures, label), { recursive: true });
    for (let index = 100; index < 115; index++) await drawFlower(pictures, label, index);
  }
  const job = await follow('lilies.yaml', pictures);
  expect(job).toMatchObject({ state: 'succeeded', model: 'lilies@1' });
  expect(job.metrics.test.accuracy).toBeGreaterThanOrEqual(0.8);
  expect(job.endpoint?.url).toMatch(/\/v1\/models\/lilies:predict$/);
});

/** A flower of five petals in the colours of a Vanda, or a yellow one; size and place differ. */
async function drawFlower(pictures: string, label: string, index: number): Promise<void> {
  const side = 80 + (index % 5) * 16;
  const colour = label === 'vanda' ? '#9b4f96' : '#e8b923';
  const radius = side / (5 + (index % 3));
  const petals = [0, 72, 144, 216, 288].map((angle) => {
    const turned = ((angle + index * 7) * Math.PI) / 180;
    const x = side / 2 + radius * Math.cos(turned);
    const y = side / 2 + radius * Math.sin(turned);
    return `<circle cx="${x}" cy="${y}" r="${radius * 0.7}" fill="${colour}"/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}">
    <rect width="100%" height="100%" fill="hsl(${90 + index}, 40%, ${40 + (index % 4) * 10}%)"/>${petals.join('')}</svg>`;
  await sharp(Buffer.from(svg))
    .jpeg()
    .toFile(join(pictures, label, `${index}.jpg`));
}
