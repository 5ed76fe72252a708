import { VandaError } from '@vanda/contracts';
import {
  assertModelNameFits,
  cancelJob,
  deleteJob,
  findJob,
  findJobServable,
  holdDatasetVersion,
  holdModelVersion,
  inTransaction,
  listJobs,
  listWorkers,
  readLogs,
  readSeries,
  submitJob,
} from '@vanda/records';
import type { Deps } from '../deps.ts';
import { forwardPrediction } from '../endpoints/forward-prediction.ts';
import { freeKeys } from '../free-keys.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';
import { listPage } from '../http/pages.ts';
import { estimateTime } from './estimate-time.ts';
import { streamJob } from './job-events.ts';
import { prepareSpec } from './prepare-spec.ts';
import { presentJob, presentJobs } from './present.ts';
import { presentWorker } from './present-worker.ts';
import { streamProject } from './project-events.ts';

type JobHandlers = Pick<
  Handlers,
  | 'createJob'
  | 'planJob'
  | 'listJobs'
  | 'getJob'
  | 'cancelJob'
  | 'deleteJob'
  | 'getJobMetrics'
  | 'getJobLogs'
  | 'getJobSignature'
  | 'predictJob'
  | 'jobEvents'
  | 'listWorkers'
  | 'projectEvents'
>;

export const jobHandlers: JobHandlers = {
  async createJob({ actor, body, deps, once }) {
    const { projectId } = actor;
    const prepared = await prepareSpec(deps, projectId, body.spec);
    const { spec, warnings, data, device, baseVersionId } = prepared;
    let outboxId: bigint | null = null;
    const view = await once(async (tx) => {
      if (!(await holdDatasetVersion(tx, data.id))) {
        throw new VandaError('not-found', `The dataset ${spec.dataset} was deleted meanwhile.`);
      }
      if (baseVersionId !== null && !(await holdModelVersion(tx, baseVersionId))) {
        throw new VandaError('not-found', 'The base of this job was deleted meanwhile.');
      }
      const submitted = await submitJob(tx, {
        projectId,
        name: spec.name,
        task: spec.task,
        spec,
        submittedSpec: body.spec,
        datasetVersionId: data.id,
        device,
        priority: spec.resources.priority,
        warnings,
      });
      outboxId = submitted.outboxId;
      return presentJob(deps, found(await findJob(tx, projectId, submitted.job.id), 'job'), tx);
    });
    if (outboxId !== null) {
      const { priority } = spec.resources;
      deps.doorbell.ring('training', { jobId: view.id }, { outboxId, priority });
    }
    return view;
  },

  async planJob({ actor, body, deps }) {
    const { projectId } = actor;
    const prepared = await prepareSpec(deps, projectId, body.spec);
    const { spec, warnings } = prepared;
    await inTransaction(deps.db, (tx) => assertModelNameFits(tx, { projectId, ...spec }));
    const estimate = await estimateTime(deps, prepared);
    return { object: 'plan', spec: { ...spec }, warnings, estimate };
  },

  async listJobs({ actor, query, deps }) {
    const { limit, ...rest } = query;
    const rows = await listJobs(deps.db, actor.projectId, { ...rest, limit: limit + 1 });
    const views = await presentJobs(deps, rows);
    return listPage(
      views,
      limit,
      (view) => view,
      (view) => view.id,
    );
  },

  async getJob({ actor, params, deps }) {
    return presentJob(deps, await job(deps, actor.projectId, params.id));
  },

  async cancelJob({ actor, params, deps }) {
    const row = await job(deps, actor.projectId, params.id);
    await inTransaction(deps.db, (tx) => cancelJob(tx, row));
    return presentJob(deps, await job(deps, actor.projectId, params.id));
  },

  async deleteJob({ actor, params, deps }) {
    const row = await job(deps, actor.projectId, params.id);
    const freed = await inTransaction(deps.db, (tx) => deleteJob(tx, row));
    await freeKeys(deps, freed.keys);
    return { object: 'deleted', id: row.id, freedBytes: freed.freedBytes };
  },

  async getJobMetrics({ actor, params, query, deps }) {
    const row = await job(deps, actor.projectId, params.id);
    return { object: 'metrics', ...(await readSeries(deps.db, row.id, query.points)) };
  },

  async getJobLogs({ actor, params, query, deps }) {
    const { limit, after } = query;
    if (after !== undefined && !/^\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(after)) {
      const message = 'Must be the last_id of the page before.';
      throw new VandaError('invalid-request', `/after: ${message}`, [
        { pointer: '/after', message },
      ]);
    }
    const row = await job(deps, actor.projectId, params.id);
    const lines = await readLogs(deps.db, row.id, { limit: limit + 1, after });
    return listPage(
      lines,
      limit,
      ({ id: _, ...line }) => line,
      (line) => line.id,
    );
  },

  async getJobSignature({ actor, params, deps }) {
    return (await findJobServable(deps.db, actor.projectId, params.id)).signature;
  },

  async predictJob({ actor, params, body, deps, signal }) {
    const { projectId } = actor;
    // Which model that is, is looked up again where it is loaded; where there is none, the reason is known here.
    await findJobServable(deps.db, projectId, params.id);
    return forwardPrediction(deps, { projectId, subject: `job/${params.id}` }, body, signal);
  },

  async jobEvents({ actor, params, deps }, stream) {
    await streamJob(deps, actor.projectId, params.id, stream);
  },

  async listWorkers({ query, deps }) {
    const { limit, after } = query;
    const rows = await listWorkers(deps.db, { limit: limit + 1, after });
    return listPage(rows, limit, presentWorker, (row) => row.id);
  },

  async projectEvents({ actor, deps }, stream) {
    await streamProject(deps, actor.projectId, stream);
  },
};

async function job(deps: Deps, projectId: string, id: string) {
  return found(await findJob(deps.db, projectId, id), `job ${id}`);
}
