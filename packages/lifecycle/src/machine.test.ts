import { describe, expect, it } from 'vitest';
import { ingestTable, uploadTable } from './datasets.ts';
import { endpointTable } from './endpoints.ts';
import { attemptTable, jobTable } from './jobs.ts';
import { finalStates, type StateTable, step } from './machine.ts';

const tables: Record<
  string,
  { table: StateTable<string, string>; final: string[]; start: string }
> = {
  upload: { table: uploadTable, final: ['aborted', 'expired'], start: 'open' },
  ingest: { table: ingestTable, final: ['succeeded', 'failed'], start: 'queued' },
  // `cancelled` takes a second cancel and stays, so it is final in effect though not empty.
  job: { table: jobTable, final: ['succeeded', 'failed'], start: 'queued' },
  attempt: {
    table: attemptTable,
    final: ['succeeded', 'failed', 'lost', 'preempted', 'paused', 'timed_out', 'cancelled'],
    start: 'running',
  },
  endpoint: { table: endpointTable, final: ['deleted'], start: 'active' },
};

describe.each(Object.entries(tables))('the %s table', (noun, { table, final, start }) => {
  const states = Object.keys(table);
  const events = [...new Set(states.flatMap((state) => Object.keys(table[state] ?? {})))];

  it('leads only to states that it knows', () => {
    for (const state of states) {
      for (const to of Object.values(table[state] ?? {})) expect(states).toContain(to);
    }
  });

  it('reaches every state from the first', () => {
    const seen = new Set([start]);
    for (const state of seen)
      for (const to of Object.values(table[state] ?? {})) seen.add(to as string);
    expect([...seen].sort()).toEqual([...states].sort());
  });

  it('has the final states that it should', () => {
    expect(finalStates(table).sort()).toEqual([...final].sort());
  });

  it('refuses every pair that is not in it, with a sentence', () => {
    for (const state of states) {
      for (const event of events) {
        const outcome = step(noun, table, state, event);
        const to = table[state]?.[event];
        if (to !== undefined) expect(outcome).toEqual({ ok: true, from: state, to });
        else expect(outcome).toMatchObject({ ok: false, refusal: expect.stringContaining(state) });
      }
    }
  });
});
