import type { JobState } from '@vanda/contracts';

/** Whether a job may still change by itself. */
export function isActive(state: JobState): boolean {
  return ['queued', 'running', 'cancelling', 'pausing'].includes(state);
}

/** Whether a job can still be called back. */
export function canCancel(state: JobState): boolean {
  return ['queued', 'running', 'pausing', 'paused'].includes(state);
}
