import type { JobMetrics, SplitMetrics } from '@vanda/contracts';
import { figure, say } from '../../lib/format.ts';

/** The one number that a person asks for first, from the test split where there is one: "accuracy 0.987". */
export function mainFigure(metrics: JobMetrics | null): string | null {
  const split: SplitMetrics | undefined = metrics?.test ?? metrics?.validation;
  if (split?.accuracy !== undefined) return `${say('accuracy')} ${figure(split.accuracy)}`;
  if (split?.r2 !== undefined) return `${say('r2')} ${figure(split.r2)}`;
  if (split?.rmse !== undefined) return `${say('rmse')} ${figure(split.rmse)}`;
  return null;
}
