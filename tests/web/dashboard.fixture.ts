import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { launchBrowser, startStack, type TestStack } from '@vanda/testing';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';

/** A whole Vanda with a browser, and what a person does with them. */
export interface Dashboard {
  stack: TestStack;
  browser: Browser;
  /** A page of a signed-in person in a window of their own. */
  open(path?: string, options?: BrowserContextOptions): Promise<Page>;
  stop(): Promise<void>;
}

export async function openDashboard(): Promise<Dashboard> {
  return openDashboardOn(await startStack());
}

export async function openDashboardOn(stack: TestStack): Promise<Dashboard> {
  const browser = await launchBrowser();
  return {
    stack,
    browser,
    async open(path = '/', options = {}) {
      const context = await browser.newContext({ ...options, baseURL: stack.url });
      const page = await context.newPage();
      failOnPageErrors(page);
      await signIn(page, stack, path);
      return page;
    },
    async stop() {
      await browser.close();
      await stack.stop();
    },
  };
}

export async function signIn(page: Page, stack: TestStack, path = '/'): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Email').fill(stack.email);
  await page.getByLabel(/^Password/).fill(stack.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname !== '/sign-in');
  await page.getByRole('heading', { level: 1 }).waitFor();
}

/** An uncaught error in the page fails the test that finds it, whatever else is on the screen. */
const pageErrors = new WeakMap<BrowserContext, string[]>();

function failOnPageErrors(page: Page): void {
  const errors: string[] = [];
  pageErrors.set(page.context(), errors);
  page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
}

export function expectNoPageErrors(page: Page): void {
  expect(pageErrors.get(page.context()) ?? []).toEqual([]);
}

// What runs inside the page is text here: these tests are checked as programs of Node, without the DOM's types.
const makeTransfer = `(files) => {
  const transfer = new DataTransfer();
  for (const { name, base64 } of files) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  return transfer;
}`;

/** Drags files from outside onto the drop zone. */
export async function dropFiles(page: Page, files: { name: string; bytes: Buffer }[]) {
  const given = files.map(({ name, bytes }) => ({ name, base64: bytes.toString('base64') }));
  const dataTransfer = await page.evaluateHandle(`(${makeTransfer})(${JSON.stringify(given)})`);
  const zone = page.getByTestId('drop-zone');
  await zone.dispatchEvent('dragover', { dataTransfer });
  await zone.dispatchEvent('drop', { dataTransfer });
}

const vegaData = join(import.meta.dirname, '../../node_modules/vega-datasets/data');

/** A table of vega-datasets (JSON there) as a CSV file. */
export function vegaCsv(name: string): { name: string; bytes: Buffer } {
  const rows = JSON.parse(readFileSync(join(vegaData, `${name}.json`), 'utf8')) as Row[];
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value: unknown) => (value == null ? '' : JSON.stringify(String(value)));
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(','));
  const text = [columns.map(cell).join(','), ...lines].join('\n');
  return { name: `${name}.csv`, bytes: Buffer.from(text) };
}
type Row = Record<string, unknown>;

/** What axe finds on the page as it is, as lines that say where and why. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  const source = readFileSync(
    createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
    'utf8',
  );
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<AxeResult> } };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
    const { violations } = await axe.run({ runOnly: { type: 'tag', values: tags } });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(
        (node) => `${id}: ${help}: ${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`,
      ),
    );
  });
}

interface AxeResult {
  violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[];
}

/** How many pixels the page is wider than its window. */
export function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
}
