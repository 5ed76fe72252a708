import type { JobMetrics, JobProgress, JobView } from '@vanda/contracts';

/** A job's state for a person, such as "Training, epoch 3 of 10, about 40 s left". */
export function sentenceOf(job: Omit<JobView, 'sentence'>): string {
  switch (job.state) {
    case 'queued':
      return job.attempts.length > 0
        ? `Waiting to go on: ${job.waiting ?? 'about to start'}`
        : `Waiting: ${job.waiting ?? 'about to start'}`;
    case 'running':
      return running(job.progress);
    case 'cancelling':
      return 'Being cancelled';
    case 'pausing':
      return 'Being paused';
    case 'paused':
      return 'Paused';
    case 'succeeded':
      return succeeded(job);
    case 'failed':
      return `Failed: ${job.failure?.message ?? 'the reason is not known'}`;
    case 'cancelled':
      return 'Cancelled';
  }
}

const phases: Record<string, string> = {
  preparing: 'Preparing the data',
  features: 'Finding what the base says about each picture',
  training: 'Training',
  evaluating: 'Evaluating on the test split',
  saving: 'Saving the model',
};

function running(progress: JobProgress | null): string {
  if (progress === null) return 'Starting';
  const parts = [phases[progress.phase] ?? 'Running'];
  if (progress.phase === 'training' && progress.epoch && progress.epochs) {
    parts.push(`epoch ${Math.min(progress.epoch, progress.epochs)} of ${progress.epochs}`);
  }
  if (typeof progress.etaSeconds === 'number' && progress.etaSeconds >= 1) {
    parts.push(`about ${duration(progress.etaSeconds)} left`);
  }
  return parts.join(', ');
}

function succeeded(job: Omit<JobView, 'sentence'>): string {
  const score = scoreOf(job.metrics);
  return [`Made ${job.model ?? 'a model'}`, ...(score === null ? [] : [score])].join(', ');
}

/** The figure that says most, on the test split where there is one. */
function scoreOf(metrics: JobMetrics | null): string | null {
  const split = metrics?.test ?? metrics?.validation;
  const where = metrics?.test ? 'test' : 'validation';
  if (split?.accuracy !== undefined) {
    return `${(split.accuracy * 100).toFixed(1)} % right on the ${where} split`;
  }
  if (split?.rmse !== undefined)
    return `RMSE ${Number(split.rmse.toPrecision(3))} on the ${where} split`;
  return null;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
