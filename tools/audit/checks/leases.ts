import type { AuditCheck } from '../audit.ts';

interface JobRow {
  id: string;
  state: string;
  lease_token: number;
  token_max: number | null;
  running: number;
  live: number;
}

interface AttemptRow {
  id: string;
  job_id: string;
  number: number;
  token: number;
  former_token: number | null;
}

/** At most one live lease for a job, and tokens that only rise. */
export const checkLeases: AuditCheck = async ({ rows }) => {
  const jobs = await rows<JobRow>(`
    SELECT j.id, j.state, j.lease_token, max(a.token) AS token_max,
      count(a.id) FILTER (WHERE a.state = 'running')::int AS running,
      count(a.id) FILTER (WHERE a.state = 'running' AND a.lease_until > now())::int AS live
    FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id GROUP BY j.id`);
  const attempts = await rows<AttemptRow>(`
    SELECT id, job_id, number, token,
      lag(token) OVER (PARTITION BY job_id ORDER BY number) AS former_token
    FROM attempts`);
  return [
    ...jobs.flatMap((job) => ofJob(job).map((message) => ({ subject: job.id, message }))),
    ...attempts
      .filter(({ token, former_token }) => former_token !== null && token <= former_token)
      .map(({ id, job_id, number, token, former_token }) => ({
        subject: id,
        message: `attempt ${number} of ${job_id} has the token ${token}, the one before it ${former_token}.`,
      })),
  ];
};

const underWay = ['running', 'cancelling', 'pausing'];

function ofJob({ state, lease_token, token_max, running, live }: JobRow): string[] {
  const wrong: string[] = [];
  if (live > 1) wrong.push(`${live} attempts hold a live lease at the same time.`);
  const expected = underWay.includes(state) ? 1 : 0;
  if (running !== expected) {
    wrong.push(`the job is ${state} and has ${running} running attempts instead of ${expected}.`);
  }
  if (token_max !== null && token_max > lease_token) {
    wrong.push(`an attempt has the token ${token_max}, and the job gave out only ${lease_token}.`);
  }
  return wrong;
}
