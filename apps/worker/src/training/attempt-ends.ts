import { type CompletedSpec, VandaError } from '@vanda/contracts';
import { isObjectStoreError } from '@vanda/objects';
import { type AttemptEnd, timeLimit } from '@vanda/records';
import type { FromChild } from './messages.ts';
import type { ProcessEnd } from './training-process.ts';

/** Why an attempt is stopped from outside. `lost`: somebody else may have the job by now, so nothing is written. */
export type StopReason = 'cancel' | 'pause' | 'preempt' | 'timeout' | 'lost';

const diskFull: AttemptEnd = {
  kind: 'infra',
  code: 'unavailable',
  message: "The worker's disk is full: make room on it. The job goes on from its last checkpoint.",
};

export function endByStop(reason: StopReason, spec: CompletedSpec): AttemptEnd {
  if (reason === 'timeout') return { kind: 'timeout', message: timeLimit(spec.resources) };
  if (reason === 'cancel') return { kind: 'cancelled' };
  return { kind: reason === 'pause' ? 'paused' : 'preempted' };
}

/** The process said why it gave up. */
export function endByFailure(said: Extract<FromChild, { type: 'failed' }>): AttemptEnd {
  if (said.full) return diskFull;
  const { code, message } = said;
  return code === null
    ? { kind: 'crash', code: 'internal', message }
    : { kind: 'user', code, message };
}

/** The process is gone without a word. One that never got as far as to train is the installation's fault. */
export function endByDeath(death: ProcessEnd, loaded: boolean): AttemptEnd {
  if (!loaded) return { kind: 'infra', code: 'unavailable', message: death.how };
  if (!death.outOfMemory) return { kind: 'crash', code: 'internal', message: death.how };
  const message = `${death.how} It needed more memory than there is.`;
  return { kind: 'crash', code: 'out-of-memory', message };
}

/** Something around the training process broke: not the user's fault, but where something that is needed was deleted. */
export function endBySurroundings(error: Error): AttemptEnd {
  if (error instanceof VandaError && error.code === 'not-found') {
    return { kind: 'user', code: error.code, message: error.message };
  }
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return diskFull;
  const code = error instanceof VandaError ? error.code : 'unavailable';
  const what = isObjectStoreError(error) ? 'The object store' : 'The worker';
  return { kind: 'infra', code, message: `${what} failed: ${error.message}` };
}

/** What the log says about an end; null where the user asked for it. */
export function lastWord(end: AttemptEnd): { text: string; level: 'info' | 'error' } | null {
  if (end.kind === 'cancelled') return null;
  if ('message' in end) return { text: end.message, level: 'error' };
  return { text: 'The worker stops; another one goes on.', level: 'info' };
}
