import { s3Missing } from '@vanda/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Dashboard,
  dropFiles,
  expectNoPageErrors,
  openDashboardOn,
  vegaCsv,
} from '../web/dashboard.fixture.ts';
import { type S3Stack, startS3Stack } from './s3-stack.ts';

// A person at the dashboard of an installation on S3: the browser puts the parts into the store, another origin.

const missing = s3Missing();
let on: S3Stack;
let dashboard: Dashboard;

if (missing !== null) {
  describe('an upload from a browser to S3', () => {
    it(`could not be tested: ${missing}`, (context) => context.skip());
  });
} else {
  describe('an upload from a browser to S3', () => {
    beforeAll(async () => {
      on = await startS3Stack();
      dashboard = await openDashboardOn(on.stack);
    });
    afterAll(async () => {
      await dashboard?.browser.close();
      await on?.stop();
    });

    it('goes from the page into the store, whose ETags the page reads', async () => {
      const page = await dashboard.open('/datasets');
      const puts: { origin: string; status: number }[] = [];
      page.on('response', (answer) => {
        if (answer.request().method() !== 'PUT') return;
        puts.push({ origin: new URL(answer.url()).origin, status: answer.status() });
      });
      const completed = page.waitForRequest((request) => /\/complete$/.test(request.url()));
      await page.getByRole('button', { name: 'Add data' }).first().click();
      await dropFiles(page, [vegaCsv('penguins')]);
      await page.getByRole('button', { name: 'Upload' }).click();
      expect((await completed).postDataJSON()).toMatchObject({
        parts: [{ number: 1, etag: expect.stringMatching(/^"?[0-9a-f]{32}/) }],
      });
      await page.getByText('344 items accepted').first().waitFor({ timeout: 60_000 });
      expect(puts).toEqual([{ origin: on.s3.endpoint, status: 200 }]);
      expectNoPageErrors(page);
    });
  });
}
