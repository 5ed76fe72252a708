import { hasEnded, waitForJob } from '@vanda/client';
import { type JobLog, type JobView, toProblem, VandaError } from '@vanda/contracts';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { ago, facts, metricsLine, size, table } from '../output/text.ts';
import { readInstances } from '../read-instances.ts';
import { readSpec } from '../read-spec.ts';
import type { Act, Runs } from './act.ts';
import { allPages } from './all-pages.ts';
import { untilReady } from './until-ready.ts';

export function addJobs(program: Command, runs: Runs): void {
  const jobs = program.command('jobs').description('trainings');
  jobs
    .command('submit <spec>')
    .description('a YAML or JSON file, or - for standard input')
    .option('--wait', 'follow it to its end; fails unless it succeeds')
    .action(runs(submit));
  jobs
    .command('list')
    .description('newest first')
    .option('--limit <number>', 'at most so many', '50')
    .action(runs(list));
  jobs.command('show <id>').description('one job').action(runs(show));
  jobs.command('logs <id>').description('its log, oldest line first').action(runs(logs));
  jobs
    .command('predict <id> <input>')
    .description(
      'try it: its best epoch so far, or the model that it made; input as of vanda predict',
    )
    .action(runs(predict));
  jobs.command('cancel <id>').description('stop it').action(runs(cancel));
  jobs.command('delete <id>').description('forget a finished one').action(runs(remove));
}

function submit(file: string, { wait }: { wait?: boolean }): Act {
  return async (context) => {
    const { client, signal, answer } = context;
    const spec = await readSpec(file);
    const job = await client.jobs.create({ body: { spec } }, { signal });
    if (!wait) {
      const text = `Submitted ${job.id} (${job.sentence}). Follow it: vanda jobs show ${job.id}`;
      return answer({ id: job.id, state: job.state }, () => text);
    }
    context.note(`Submitted ${job.id}.`);
    const ended = await follow(context, job.id);
    if (ended.endpoint) await whenServed(context, ended.endpoint.name);
    answer(summary(ended), () => endText(ended));
    if (ended.state !== 'succeeded') process.exitCode = 1;
  };
}

async function follow(context: Context, id: string): Promise<JobView> {
  const progress = context.progress('Training');
  const onJob = (job: JobView) => {
    // The label says already that it trains.
    const { percent = null } = job.progress ?? {};
    progress.show(percent, job.sentence.replace(/^Training, /, ''));
  };
  try {
    return await waitForJob(context.client, id, { signal: context.signal, onJob });
  } catch (error) {
    if (context.signal.aborted) {
      context.note(`The job goes on without this command: vanda jobs show ${id}`);
    }
    throw error;
  } finally {
    progress.end();
  }
}

/** The next line of a script may ask the endpoint at once. A server that is not there does not fail the job. */
async function whenServed(context: Context, name: string): Promise<void> {
  const { client, signal } = context;
  try {
    await untilReady(context, await client.endpoints.get({ params: { name } }, { signal }));
  } catch (error) {
    signal.throwIfAborted();
    context.note((error as Error).message);
  }
}

/** What a script reads; of a job that did not succeed it is the problem object as well. */
function summary(job: JobView): object {
  return {
    ...(job.state === 'succeeded' ? {} : toProblem(reasonOf(job))),
    id: job.id,
    state: job.state,
    model: job.model,
    metrics: { validation: job.metrics?.validation ?? {}, test: job.metrics?.test ?? {} },
    ...(job.endpoint ? { endpoint: job.endpoint } : {}),
    ...(job.deployNote ? { deployNote: job.deployNote } : {}),
    ...(job.failure ? { failure: job.failure } : {}),
  };
}

function reasonOf(job: JobView): VandaError {
  if (job.failure) return new VandaError(job.failure.code, job.failure.message);
  return new VandaError('illegal-state', `The job was ${job.state}.`);
}

function endText(job: JobView): string {
  if (job.state !== 'succeeded') return `${job.id} ${job.state}: ${reasonOf(job).message}`;
  return facts([
    ['job', job.id],
    ['model', job.model],
    ['validation', metricsLine(job.metrics?.validation)],
    ['test', metricsLine(job.metrics?.test)],
    ['endpoint', job.endpoint?.url],
    ['note', job.deployNote],
  ]);
}

function list({ limit }: { limit: string }): Act {
  return async ({ client, signal, answer }) => {
    const most = Number(limit);
    if (!Number.isInteger(most) || most < 1) {
      throw new VandaError('invalid-request', '--limit must be a whole number from 1.');
    }
    const all = await allPages((query) => client.jobs.list({ query }, { signal }), most);
    const rows = all.data.map((job) => [
      job.id,
      job.name,
      job.state,
      job.model ?? (hasEnded(job) ? null : `${Math.floor(job.progress?.percent ?? 0)} %`),
      ago(job.createdAt),
    ]);
    const heads = ['ID', 'NAME', 'STATE', 'MODEL', 'SUBMITTED'];
    answer(all, () => table(heads, rows, 'No job yet: vanda jobs submit SPEC'));
  };
}

function show(id: string): Act {
  return async ({ client, signal, answer }) => {
    const job = await client.jobs.get({ params: { id } }, { signal });
    answer(job, () =>
      facts([
        ['job', job.id],
        ['name', job.name],
        ['task', job.task],
        ['state', job.sentence],
        ['waits', job.waiting],
        ['dataset', `${job.dataset.name}@${job.dataset.version}`],
        ['built on', job.base],
        ['submitted', ago(job.createdAt)],
        ['finished', job.finishedAt && ago(job.finishedAt)],
        ['failure', job.failure?.message],
        ['preview', previewLine(job)],
        ['model', job.model],
        ['validation', metricsLine(job.metrics?.validation)],
        ['test', metricsLine(job.metrics?.test)],
        ['endpoint', job.endpoint?.url],
        ['deployment', job.deployNote],
        ['splits', job.splits],
        ['predictions', job.predictions],
        ...job.warnings.map((warning): [string, string] => ['warning', warning]),
      ]),
    );
  };
}

/** "epoch 3, accuracy 0.97", and how it is tried. */
function previewLine({ id, preview }: JobView): string | null {
  if (preview === null) return null;
  const figures = metricsLine(preview.validation ?? undefined);
  return `epoch ${preview.epoch}${figures ? `, ${figures}` : ''} (vanda jobs predict ${id} INPUT)`;
}

function predict(id: string, input: string): Act {
  return async ({ client, signal, answer }) => {
    const body = { instances: await readInstances(input) };
    const predicted = await client.jobs.predict({ params: { id }, body }, { signal });
    answer(predicted, () => JSON.stringify(predicted, null, 2));
  };
}

function logs(id: string): Act {
  return async ({ client, signal, answer }) => {
    const all = await allPages<JobLog>(({ after }) =>
      client.jobs.logs(
        { params: { id }, query: { limit: 10_000, ...(after ? { after } : {}) } },
        { signal },
      ),
    );
    const line = ({ at, level, text }: JobLog) =>
      `${at}  ${level === 'info' ? '' : `${level}: `}${text}`;
    answer(all, () => (all.data.length > 0 ? all.data.map(line).join('\n') : 'No log line yet.'));
  };
}

function cancel(id: string): Act {
  return async ({ client, signal, answer }) => {
    const job = await client.jobs.cancel({ params: { id } }, { signal });
    answer(job, () => `${job.id}: ${job.sentence}`);
  };
}

function remove(id: string): Act {
  return async ({ client, signal, answer }) => {
    const deleted = await client.jobs.delete({ params: { id } }, { signal });
    answer(deleted, () => `Deleted ${id}: ${size(deleted.freedBytes)} freed.`);
  };
}
