import {
  attemptTable,
  endpointTable,
  exportTable,
  importTable,
  ingestTable,
  jobTable,
  type StateTable,
  step,
  uploadTable,
} from '@vanda/lifecycle';
import type { AuditCheck } from '../audit.ts';

interface Noun {
  table: StateTable<string, string>;
  first: string;
  /** The table whose `state` the history must end in. */
  rows: string;
}

const nouns: Record<string, Noun> = {
  upload: { table: uploadTable, first: 'open', rows: 'uploads' },
  ingest: { table: ingestTable, first: 'queued', rows: 'ingests' },
  job: { table: jobTable, first: 'queued', rows: 'jobs' },
  attempt: { table: attemptTable, first: 'running', rows: 'attempts' },
  export: { table: exportTable, first: 'queued', rows: 'exports' },
  import: { table: importTable, first: 'queued', rows: 'imports' },
  endpoint: { table: endpointTable, first: 'active', rows: 'endpoints' },
};

interface Step {
  id: string;
  subject_id: string;
  from_state: string | null;
  to_state: string;
  event: string;
  former: string | null;
}

interface Ended {
  id: string;
  state: string;
  last: string | null;
}

/** History only moves forward, along the tables of lifecycle, and ends where its subject stands. */
export const checkHistory: AuditCheck = async ({ rows }) => {
  const findings: { subject: string; message: string }[] = [];
  for (const [name, noun] of Object.entries(nouns)) {
    const steps = await rows<Step>(
      `SELECT id, subject_id, from_state, to_state, event,
         lag(to_state) OVER (PARTITION BY subject_id ORDER BY id) AS former
       FROM history WHERE noun = $1 ORDER BY id`,
      [name],
    );
    for (const taken of steps) {
      const wrong = judge(name, noun, taken);
      if (wrong)
        findings.push({ subject: taken.subject_id, message: `history row ${taken.id}: ${wrong}` });
    }
    // A deleted subject keeps its state; its history says "deleted" after it.
    const ended = await rows<Ended>(
      `SELECT s.id, s.state, (SELECT h.to_state FROM history h
         WHERE h.noun = $1 AND h.subject_id = s.id AND NOT (h.to_state = 'deleted' AND s.state <> 'deleted')
         ORDER BY h.id DESC LIMIT 1) AS last
       FROM "${noun.rows}" s`,
      [name],
    );
    for (const { id, state, last } of ended) {
      if (last === null) findings.push({ subject: id, message: `the ${name} has no history.` });
      else if (last !== state) {
        findings.push({
          subject: id,
          message: `the ${name} is ${state}, and its history ends in ${last}.`,
        });
      }
    }
  }
  return findings;
};

function judge(name: string, noun: Noun, taken: Step): string | null {
  const { from_state: from, to_state: to, event, former } = taken;
  if (from !== former) return `it starts from ${from}, and the row before it ended in ${former}.`;
  if (from === null) return to === noun.first ? null : `a new ${name} is ${noun.first}, not ${to}.`;
  if (to === 'deleted' && event === 'delete' && name === 'job') {
    const final = ['succeeded', 'failed', 'cancelled'].includes(from);
    return final ? null : `a job was deleted while it was ${from}.`;
  }
  const outcome = step(name, noun.table, from, event);
  if (!outcome.ok) return outcome.refusal;
  return outcome.to === to ? null : `${event} leads from ${from} to ${outcome.to}, not to ${to}.`;
}
