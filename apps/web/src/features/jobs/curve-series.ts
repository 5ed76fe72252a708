import type { MetricSeries } from '@vanda/contracts';
import { figure, say } from '../../lib/format.ts';

export interface CurveSeries {
  label: string;
  /** A CSS variable, so that a series keeps its colour everywhere and fits the scheme. */
  colour: string;
  dashed: boolean;
  steps: number[];
  values: (number | null)[];
}

const colours: Record<string, string> = {
  train: '--vanda-train',
  validation: '--vanda-validation',
};

const order = [
  'loss',
  'accuracy',
  'r2',
  'rmse',
  'mae',
  'f1',
  'precision',
  'recall',
  'rocAuc',
  'logLoss',
];

/** Charts by metric, the ones that matter first; `suffix` names the version where two are compared. */
export function curvesOf(
  metrics: MetricSeries,
  suffix = '',
  dashed = false,
): Map<string, CurveSeries[]> {
  const charts = new Map<string, CurveSeries[]>();
  for (const [name, points] of Object.entries(metrics.series)) {
    const dot = name.indexOf('.');
    const split = name.slice(0, dot);
    const metric = name.slice(dot + 1);
    const series = charts.get(metric) ?? [];
    series.push({
      label: suffix ? `${split} ${suffix}` : split,
      colour: colours[split] ?? '--vanda-other',
      dashed,
      steps: points.steps,
      values: points.values,
    });
    charts.set(
      metric,
      series.sort((a, b) => a.label.localeCompare(b.label)),
    );
  }
  return new Map([...charts].sort(([a], [b]) => rank(a) - rank(b)));
}

function rank(metric: string): number {
  const at = order.indexOf(metric);
  return at === -1 ? order.length : at;
}

/** What a chart shows, for somebody who does not see it. */
export function describeCurve(title: string, series: CurveSeries[]): string {
  const parts = series.map((one) => {
    const values = one.values.filter((value) => value !== null);
    return values.length === 0
      ? `${one.label}: no values yet`
      : `${one.label} from ${figure(values[0])} to ${figure(values.at(-1))}`;
  });
  return `Chart of ${say(title)} by step: ${parts.join('; ')}`;
}

/** The step of the last validation point of an epoch. */
export function stepOfEpoch(
  metrics: MetricSeries,
  epoch: number | null | undefined,
): number | null {
  if (epoch === null || epoch === undefined) return null;
  const validation = metrics.series['validation.loss'];
  const at = validation?.epochs.lastIndexOf(epoch) ?? -1;
  return at === -1 ? null : (validation?.steps[at] ?? null);
}
