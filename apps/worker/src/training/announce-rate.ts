import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type TrainingRate, trainingRate } from '@vanda/contracts';
import { noteRate } from '@vanda/records';
import type { WorkerDeps } from '../deps.ts';

const script = fileURLToPath(new URL('./rate-child.ts', import.meta.url));
const waitMs = 30_000;

/**
 * Measures how fast trainings go here and writes it into the worker's row, from which the time of a training is
 * told before it begins. Nothing waits for it; without it there is no estimate, and that is all.
 */
export async function announceRate(deps: WorkerDeps, signal: AbortSignal): Promise<void> {
  const { config, db, log, workerId } = deps;
  try {
    const rate = await measure(config.threads, config.childEnvironment, signal);
    await noteRate(db, workerId, rate);
    log.debug({ rate }, 'the rate was measured');
  } catch (error) {
    if (!signal.aborted) log.warn({ err: (error as Error).message }, 'the rate was not measured');
  }
}

function measure(
  threads: number,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<TrainingRate> {
  const startedAt = performance.now();
  const child = fork(script, [String(threads)], {
    env,
    stdio: 'ignore',
    execArgv: [],
    signal,
    killSignal: 'SIGKILL',
    timeout: waitMs,
  });
  return new Promise((resolve, reject) => {
    let startSeconds = 0;
    child.on('message', (said: { loaded?: true; rate?: object }) => {
      if (said.loaded) startSeconds = (performance.now() - startedAt) / 1000;
      else resolve(trainingRate.parse({ ...said.rate, startSeconds }));
    });
    child.once('error', reject);
    child.once('exit', (code, how) => reject(new Error(`its process ended (${how ?? code})`)));
  });
}
