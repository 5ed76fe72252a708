import { z } from 'zod';

/** Metrics by their fixed names; `better` decides about best epochs and deployment bounds. */
export const metricNames = {
  loss: { better: 'lower' },
  accuracy: { better: 'higher' },
  precision: { better: 'higher' },
  recall: { better: 'higher' },
  f1: { better: 'higher' },
  rocAuc: { better: 'higher' },
  logLoss: { better: 'lower' },
  mae: { better: 'lower' },
  rmse: { better: 'lower' },
  r2: { better: 'higher' },
} as const;
export type MetricName = keyof typeof metricNames;

export const classificationMetrics = [
  'accuracy',
  'precision',
  'recall',
  'f1',
  'rocAuc',
  'logLoss',
] as const;
export const regressionMetrics = ['mae', 'rmse', 'r2'] as const;

/** rows: true class, columns: predicted class, in the order of labels. */
export const confusionMatrix = z.object({
  labels: z.array(z.string()),
  counts: z.array(z.array(z.number().int())),
});
export type ConfusionMatrix = z.infer<typeof confusionMatrix>;

/** One split's figures. precision, recall and f1 are macro averages; a figure that is not defined is left out. */
export const splitMetrics = z.object({
  loss: z.number().optional(),
  accuracy: z.number().optional(),
  precision: z.number().optional(),
  recall: z.number().optional(),
  f1: z.number().optional(),
  rocAuc: z.number().optional(),
  logLoss: z.number().optional(),
  mae: z.number().optional(),
  rmse: z.number().optional(),
  r2: z.number().optional(),
  confusionMatrix: confusionMatrix.optional(),
  /** How many items the split has. */
  count: z.number().int().optional(),
});
export type SplitMetrics = z.infer<typeof splitMetrics>;

export const jobMetrics = z
  .object({ validation: splitMetrics.optional(), test: splitMetrics.optional() })
  .meta({ id: 'JobMetrics' });
export type JobMetrics = z.infer<typeof jobMetrics>;

/**
 * One point of a curve: [step, epoch, series, value]. Series are `train.loss`, `validation.loss`, `validation.accuracy`, ...;
 * step counts optimizer steps from 1 over the whole job, whatever attempt made them.
 */
export const metricPoint = z.tuple([
  z.number().int().min(0),
  z.number().int().min(0),
  z.string().max(64),
  z.number().nullable(),
]);
export type MetricPoint = z.infer<typeof metricPoint>;
export const logLine = z.object({
  at: z.string(),
  level: z.enum(['info', 'warn', 'error']),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLine>;
