import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

it('answers who asks', async () => {
  const me = await api.call('GET', '/me');
  expect(me.status).toBe(200);
  expect(me.body).toMatchObject({ object: 'me', project: { name: 'Default' }, user: null });
});
