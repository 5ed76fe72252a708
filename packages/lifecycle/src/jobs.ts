import type { AttemptState, JobState } from '@vanda/contracts';
import type { StateTable } from './machine.ts';

export type JobEvent =
  | 'start'
  | 'requeue'
  | 'cancel'
  | 'confirm-cancel'
  | 'pause'
  | 'confirm-pause'
  | 'resume'
  | 'succeed'
  | 'fail';

export const jobTable: StateTable<JobState, JobEvent> = {
  queued: { start: 'running', cancel: 'cancelled', pause: 'paused', fail: 'failed' },
  running: {
    requeue: 'queued',
    cancel: 'cancelling',
    pause: 'pausing',
    succeed: 'succeeded',
    fail: 'failed',
  },
  // Asked twice is asked once. A job whose attempt ends by itself while it is being cancelled is cancelled.
  cancelling: { cancel: 'cancelling', 'confirm-cancel': 'cancelled' },
  pausing: { 'confirm-pause': 'paused', cancel: 'cancelling', requeue: 'paused', fail: 'failed' },
  paused: { resume: 'queued', cancel: 'cancelled' },
  succeeded: {},
  failed: {},
  cancelled: { cancel: 'cancelled' },
};

export type AttemptEvent =
  | 'succeed'
  | 'fail'
  | 'lose'
  | 'preempt'
  | 'pause'
  | 'time-out'
  | 'cancel';

export const attemptTable: StateTable<AttemptState, AttemptEvent> = {
  running: {
    succeed: 'succeeded',
    fail: 'failed',
    lose: 'lost',
    preempt: 'preempted',
    pause: 'paused',
    'time-out': 'timed_out',
    cancel: 'cancelled',
  },
  succeeded: {},
  failed: {},
  lost: {},
  preempted: {},
  paused: {},
  timed_out: {},
  cancelled: {},
};
