import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { JobView, ModelSignature } from '@vanda/contracts';
import { newId, type Prisma, verifyTicket } from '@vanda/records';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import { makeAttempt, makeDatasetVersion, makeModelVersion, tableSpec } from '../rows.fixture.ts';

let api: ApiUnderTest;
let inference: Server;
const asked: { url: string; ticket: unknown; body: unknown }[] = [];
beforeAll(async () => {
  inference = createServer(async (request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const ticket = verifyTicket(api.deps.config.secret, token);
    asked.push({ url: request.url ?? '', ticket, body: await json(request) });
    response.end('{"predictions":[{"label":"a"}]}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => inference.once('listening', resolve));
  const { port } = inference.address() as AddressInfo;
  api = await startApi({ inferenceInternalUrl: `http://127.0.0.1:${port}` });
  await makeDatasetVersion(api, 'flowers');
});
afterAll(async () => {
  await api.close();
  inference.close();
});

const signature: ModelSignature = {
  task: 'tabular-classification',
  input: { kind: 'row', fields: [] },
  output: { kind: 'classes', labels: ['a', 'b', 'c'] },
};
const instances = [{ x: 1 }];
const predict = (id: string, headers = {}) =>
  api.call('POST', `/jobs/${id}/predict`, { instances }, headers);

async function showPreview(jobId: string, attemptId: string, epoch: number, accuracy: number) {
  await api.deps.db.preview.deleteMany({ where: { jobId } });
  const measured = { validation: { accuracy }, chance: 0.5 };
  const row = { id: newId('pvw'), jobId, attemptId, epoch, ...measured };
  await api.deps.db.preview.create({
    data: { ...row, signature: signature as unknown as Prisma.InputJsonObject },
  });
}

it('a job says what can be tried, how good it is, and forwards to it', async () => {
  const submitted = await api.call<JobView>('POST', '/jobs', { spec: tableSpec('flowers') });
  const { id } = submitted.body;
  const view = async () => (await api.call<JobView>('GET', `/jobs/${id}`)).body;
  expect(submitted.body.preview).toBeNull();
  for (const refused of [await predict(id), await api.call('GET', `/jobs/${id}/signature`)]) {
    expect(refused).toMatchObject({ status: 409, body: { code: 'illegal-state' } });
    expect(refused.body.detail).toMatch(/is queued and has nothing to try yet: its first preview/);
  }
  const attempt = await makeAttempt(api.deps.db, id, 1);
  await showPreview(id, attempt, 1, 0.4);
  expect((await view()).preview).toMatchObject({ epoch: 1, chance: 0.5, goodEnough: false });
  await showPreview(id, attempt, 7, 0.9);
  expect((await view()).preview).toMatchObject({
    epoch: 7,
    validation: { accuracy: 0.9 },
    goodEnough: true,
  });
  expect((await api.call('GET', `/jobs/${id}/signature`)).body).toEqual(signature);
  expect(await predict(id)).toMatchObject({
    status: 200,
    body: { predictions: [{ label: 'a' }] },
  });
  expect(asked).toEqual([
    {
      url: `/v1/jobs/${id}:predict`,
      ticket: { projectId: api.projectId, subject: `job/${id}` },
      body: { instances },
    },
  ]);
  const stranger = { authorization: `Bearer ${api.strangerKey}` };
  expect((await predict(id, stranger)).status).toBe(404);
  expect((await api.call('GET', `/jobs/${id}/signature`, undefined, stranger)).status).toBe(404);
  expect((await api.call('POST', `/jobs/${id}/predict`, { instances: [] })).status).toBe(400);

  // It is only there until somebody frees it, and nobody can try it any more.
  await api.deps.db.job.update({ where: { id }, data: { state: 'failed' } });
  expect((await view()).preview).toBeNull();
  expect((await predict(id)).body.detail).toMatch(/is failed and made no model/);
  expect(asked).toHaveLength(1);
});

it('after success the model that the job made is asked', async () => {
  const { jobId } = await makeModelVersion(api, 'flowers');
  const shown = await api.call<ModelSignature>('GET', `/jobs/${jobId}/signature`);
  expect(shown.body.output).toEqual(signature.output);
  expect((await predict(jobId)).status).toBe(200);
  expect(asked.at(-1)?.url).toBe(`/v1/jobs/${jobId}:predict`);
});
