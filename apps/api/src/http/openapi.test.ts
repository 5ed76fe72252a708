import { Validator } from '@seriousme/openapi-schema-validator';
import { type Operation, operations } from '@vanda/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const get = (path: string) =>
  fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${api.apiKey}` } });

it('describes every operation as valid OpenAPI 3.1', async () => {
  const document = (await (await get('/api/openapi.json')).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const outcome = await new Validator().validate(structuredClone(document) as never);
  expect(outcome.errors ?? []).toEqual([]);
  expect(outcome.valid).toBe(true);
  expect(document.openapi).toBe('3.1.0');
  const described = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map((entry) => entry.operationId),
  );
  const ids = (Object.values(operations) as Operation[]).map((operation) => operation.id);
  expect(described.sort()).toEqual(ids.sort());
  expect(new Set(ids).size).toBe(ids.length);
});

it('names only schemas that are there', async () => {
  const text = await (await get('/api/openapi.json')).text();
  const { schemas } = JSON.parse(text).components;
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    expect(Object.keys(schemas)).toContain(name);
  }
  expect(text).not.toContain('$defs');
});

it('shows it as a page that loads nothing from elsewhere', async () => {
  const page = await get('/api/docs');
  expect(page.headers.get('content-type')).toContain('text/html');
  const html = await page.text();
  expect(html).toContain('jobs.create');
  expect(html).not.toMatch(/<script|src="http|href="http/);
});
