import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { EndpointView, LedgerView } from '@vanda/contracts';
import { reportServing, verifyTicket } from '@vanda/records';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import { makeDatasetVersion, makeModelVersion, makeWorker } from '../rows.fixture.ts';

let api: ApiUnderTest;
let inference: Server;
const asked: { url: string; headers: IncomingHttpHeaders; body: unknown }[] = [];
let answer: { status: number; body: object } = { status: 200, body: { predictions: [1] } };

beforeAll(async () => {
  inference = createServer(async (request, response) => {
    asked.push({ url: request.url ?? '', headers: request.headers, body: await json(request) });
    response.writeHead(answer.status).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => inference.listen(0, '127.0.0.1', resolve));
  const { port } = inference.address() as AddressInfo;
  api = await startApi({ inferenceInternalUrl: `http://127.0.0.1:${port}` });
  await makeDatasetVersion(api, 'flowers');
  for (let version = 0; version < 3; version++) await makeModelVersion(api, 'flowers');
  await makeModelVersion(api, 'flowers', 'other');
});
afterAll(async () => {
  inference.close();
  await api.close();
});

const create = (name: string, model: string, headers?: Record<string, string>) =>
  api.call<EndpointView>('POST', '/endpoints', { name, model }, headers);
const served = async (name: string) => {
  const ledger = await api.call<{ data: LedgerView[] }>('GET', `/endpoints/${name}/ledger`);
  return ledger.body.data.map((entry) => `${entry.seq} ${entry.action} ${entry.version}`);
};

it('is bound to one model, and every change is a row in its ledger', async () => {
  const made = await create('live', 'flowers@1');
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    name: 'live',
    model: 'flowers',
    version: 1,
    traffic: [{ version: 1, percent: 100 }],
    url: 'http://127.0.0.1:8501/v1/models/live:predict',
    serving: { state: 'no-server' },
  });
  const deploy = (model: string) =>
    api.call<EndpointView>('POST', '/endpoints/live/deploy', { model });
  expect((await deploy('flowers@2')).body.version).toBe(2);
  expect((await deploy('flowers')).body.version).toBe(3);
  const back = () => api.call<EndpointView>('POST', '/endpoints/live/rollback');
  expect((await back()).body.version).toBe(2);
  expect((await back()).body.version).toBe(1);
  const none = await back();
  expect(none.status).toBe(409);
  expect(none.body.detail).toContain('nothing to roll back to');
  const to = await api.call<EndpointView>('POST', '/endpoints/live/rollback', { to: 3 });
  expect(to.body.version).toBe(3);
  expect(await served('live')).toEqual([
    '6 rollback 3',
    '5 rollback 1',
    '4 rollback 2',
    '3 deploy 3',
    '2 deploy 2',
    '1 create 1',
  ]);
  expect((await deploy('other')).body).toMatchObject({ code: 'conflict' });
  expect((await deploy('flowers@9')).status).toBe(404);
  expect((await api.call('POST', '/endpoints/live/rollback', { to: 99 })).status).toBe(404);
  const page = await api.call<{ data: LedgerView[]; last_id: string }>(
    'GET',
    '/endpoints/live/ledger?limit=4',
  );
  const rest = await api.call<{ data: LedgerView[] }>(
    'GET',
    `/endpoints/live/ledger?after=${page.body.last_id}`,
  );
  expect(rest.body.data.map((entry) => entry.seq)).toEqual([2, 1]);
});

it('has a name that is unique in the installation while it lives', async () => {
  const taken = await create('live', 'other');
  expect(taken.status).toBe(409);
  expect(taken.body).toMatchObject({ code: 'name-taken', errors: [{ pointer: '/name' }] });
  const races = await Promise.all(Array.from({ length: 5 }, () => create('raced', 'other')));
  expect(races.map((one) => one.status).sort()).toEqual([201, 409, 409, 409, 409]);
  const gone = await api.call('DELETE', '/endpoints/raced');
  expect(gone.body).toMatchObject({ object: 'deleted', freedBytes: 0 });
  expect((await api.call('GET', '/endpoints/raced')).status).toBe(404);
  expect((await create('raced', 'other@1')).status).toBe(201);
  for (const name of ['../x', 'UP', '', 'x'.repeat(64)]) {
    expect((await create(name, 'other')).status, name).toBe(400);
  }
});

it('counts deployments at once one after the other', async () => {
  await create('busy', 'flowers@1');
  const versions = [1, 2, 3, 1, 2, 3];
  const answers = await Promise.all(
    versions.map((version) =>
      api.call('POST', '/endpoints/busy/deploy', { model: `flowers@${version}` }),
    ),
  );
  expect(answers.map((one) => one.status)).toEqual(versions.map(() => 200));
  const ledger = await api.call<{ data: LedgerView[] }>('GET', '/endpoints/busy/ledger');
  expect(ledger.body.data.map((entry) => entry.seq)).toEqual([7, 6, 5, 4, 3, 2, 1]);
});

it('answers a deployment once an inference server serves it', async () => {
  const { db } = api.deps;
  const worker = await makeWorker(db, ['serve']);
  const made = await create('served', 'flowers@1');
  expect(made.body.serving.state).toBe('loading');
  const report = (seq: number, state: 'ready' | 'failed', error: string | null) =>
    reportServing(db, worker, {
      endpointId: made.body.id,
      seq,
      state,
      error,
      traffic: { requests: 5, errors: 1, rate: 2, p50Ms: 1, p99Ms: 3 },
    });
  api.deps.config.limits.deployWaitMs = 15_000;
  setTimeout(() => void report(2, 'ready', null), 100);
  const begun = Date.now();
  const deployed = await api.call<EndpointView>('POST', '/endpoints/served/deploy', {
    model: 'flowers@2',
  });
  expect(Date.now() - begun).toBeLessThan(10_000);
  expect(deployed.body).toMatchObject({
    version: 2,
    serving: { state: 'ready', requests: 5, errors: 1, perSecond: 2, p99Ms: 3 },
  });
  setTimeout(() => void report(3, 'failed', 'The weights are damaged.'), 50);
  const failed = await api.call<EndpointView>('POST', '/endpoints/served/deploy', {
    model: 'flowers@3',
  });
  expect(failed.body.serving).toMatchObject({ state: 'failed', error: 'The weights are damaged.' });
});

it('forwards predictions with a ticket for that endpoint', async () => {
  const instances = [{ x: 1 }];
  const predict = (body: object) => api.call('POST', '/endpoints/live/predict', body);
  const good = await predict({ instances });
  expect(good.status).toBe(200);
  expect(good.body).toEqual({ predictions: [1] });
  const last = asked.at(-1);
  expect(last).toMatchObject({ url: '/v1/models/live:predict', body: { instances } });
  const token = last?.headers.authorization?.slice('Bearer '.length) ?? '';
  expect(verifyTicket(api.deps.config.secret, token)).toEqual({
    projectId: api.projectId,
    subject: 'endpoint/live',
  });
  answer = { status: 400, body: { error: 'Instance 0 has no column "x".' } };
  const bad = await predict({ instances });
  expect(bad.status).toBe(400);
  expect(bad.body.detail).toBe('Instance 0 has no column "x".');
  answer = { status: 503, body: {} };
  expect((await predict({ instances })).status).toBe(503);
  for (const body of [{}, { instances: [] }, { instances: 'x' }]) {
    expect((await predict(body)).status).toBe(400);
  }
});

it('shows nothing of another project', async () => {
  const headers = { authorization: `Bearer ${api.strangerKey}` };
  const calls = [
    ['GET', '', undefined],
    ['GET', '/ledger', undefined],
    ['POST', '/deploy', { model: 'flowers@1' }],
    ['POST', '/rollback', {}],
    ['POST', '/predict', { instances: [1] }],
    ['DELETE', '', undefined],
  ] as const;
  for (const [method, end, body] of calls) {
    const one = await api.call(method, `/endpoints/live${end}`, body, headers);
    expect(one.status, method + end).toBe(404);
  }
  const stolen = await create('theirs', 'flowers@1', headers);
  expect(stolen.status).toBe(404);
  const taken = await api.call<{ data: unknown[] }>('GET', '/endpoints', undefined, headers);
  expect(taken.body.data).toEqual([]);
});
