import type { BackboneView, ModelImportView, Upload } from '@vanda/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({});
});
afterAll(() => api.close());

async function uploaded(): Promise<string> {
  const begun = await api.call<Upload>('POST', '/uploads', { filename: 'a.onnx', size: 4 });
  const { uploadId, parts } = begun.body;
  await fetch(parts[0]?.url ?? '', { method: 'PUT', body: new Uint8Array(4) });
  await api.call('POST', `/uploads/${uploadId}/complete`, {});
  return uploadId;
}
const stranger = () => ({ authorization: `Bearer ${api.strangerKey}` });

it('takes an import, shows it, and keeps its uploads until it has ended', async () => {
  const id = await uploaded();
  const body = { uploads: [id], options: { labels: ['a', 'b'], divide: [255] } };
  const made = await api.call<ModelImportView>('POST', '/models/faces/imports', body);
  expect(made.status).toBe(202);
  expect(made.body).toMatchObject({ model: 'faces', state: 'queued', version: null });
  const one = await api.call<ModelImportView>('GET', `/imports/${made.body.id}`);
  expect(one.body).toEqual(made.body);
  const list = await api.call<{ data: ModelImportView[] }>('GET', '/imports');
  expect(list.body.data).toEqual([made.body]);
  expect((await api.call('DELETE', `/uploads/${id}`)).body).toMatchObject({
    code: 'in-use',
    detail: `The import ${made.body.id} to faces reads this upload: wait for its end.`,
  });
  expect((await api.call('GET', `/imports/${made.body.id}`, undefined, stranger())).status).toBe(
    404,
  );
  expect((await api.call('GET', '/imports', undefined, stranger())).body).toMatchObject({
    data: [],
  });
});

it('refuses what cannot be imported, with a pointer to it', async () => {
  const uploads = [await uploaded()];
  const refused = (body: object, name = 'faces') =>
    api.call<{ code: string; errors?: { pointer: string }[] }>(
      'POST',
      `/models/${name}/imports`,
      body,
    );
  expect((await refused({ uploads: [] })).status).toBe(400);
  expect((await refused({ uploads: ['upl_none'] })).status).toBe(404);
  expect((await refused({ uploads }, 'No Name')).status).toBe(400);
  const zero = await refused({ uploads, options: { divide: [0] } });
  expect(zero.body.errors?.[0]?.pointer).toBe('/options/divide/0');
  const theirs = await api.call('POST', '/models/x/imports', { uploads }, stranger());
  expect(theirs.status).toBe(404);
});

it('shows the shelf, and answers the pull that is under way to who asks again', async () => {
  const pull = (name: string) => api.call<ModelImportView>('POST', `/backbones/${name}/pull`, {});
  const first = await pull('mobilenet_v2');
  expect(first.body).toMatchObject({ model: 'mobilenet-v2', backbone: 'mobilenet_v2' });
  for (const name of ['mobilenet_v2', 'mobilenet-v2', 'MobileNetV2']) {
    expect((await pull(name)).body.id).toBe(first.body.id);
  }
  const none = await pull('vgg16');
  expect([none.status, none.body]).toMatchObject([
    404,
    { detail: expect.stringMatching(/there are/) },
  ]);
  const shelf = await api.call<{ data: BackboneView[] }>('GET', '/backbones');
  const [mobile] = shelf.body.data.filter(({ name }) => name === 'mobilenet_v2');
  expect(mobile).toMatchObject({
    licence: 'MIT',
    input: { size: 224, subtract: 0, divide: 255 },
    features: { place: 'flatten_1', width: 1280 },
    version: null,
    import: { id: first.body.id, state: 'queued' },
  });
  const theirs = await api.call<{ data: BackboneView[] }>(
    'GET',
    '/backbones',
    undefined,
    stranger(),
  );
  expect(theirs.body.data.every((one) => one.import === null)).toBe(true);
});
