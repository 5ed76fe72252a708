import type { SplitMetrics } from '@vanda/contracts';

/** mae, rmse and r2 in the target's own unit; r2 is left out where all true values are equal. */
export function regressionMetricsOf(truth: Float64Array, predicted: Float64Array): SplitMetrics {
  const count = truth.length;
  if (count === 0) return { count: 0 };
  let sum = 0;
  for (const value of truth) sum += value;
  const mean = sum / count;
  let [absolute, squared, spread] = [0, 0, 0];
  for (let item = 0; item < count; item++) {
    const value = truth[item] ?? 0;
    const error = (predicted[item] ?? 0) - value;
    absolute += Math.abs(error);
    squared += error * error;
    spread += (value - mean) ** 2;
  }
  return {
    mae: absolute / count,
    rmse: Math.sqrt(squared / count),
    ...(spread > 0 ? { r2: 1 - squared / spread } : {}),
    count,
  };
}
