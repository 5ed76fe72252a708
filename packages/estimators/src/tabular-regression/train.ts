import type { ModelSignature, SplitMetrics, TableProfile } from '@vanda/contracts';
import { Graph, losses, type Node, type Pipeline, Session } from '@vanda/engine';
import { fittingBatchSize } from '../fit/batch-size.ts';
import { meanOf, pick } from '../fit/evaluate-classes.ts';
import { finish } from '../fit/finish.ts';
import { fit } from '../fit/fit.ts';
import { logWarnings, type Run, reportProgress } from '../fit/run.ts';
import { regressionMetricsOf } from '../metrics/regression.ts';
import { RunningMoments } from '../table/column-statistics.ts';
import { removeEncoded } from '../table/encode-table.ts';
import { tableNetwork } from '../table/network.ts';
import { tablePipeline } from '../table/pipelines.ts';
import { prepareTable } from '../table/prepare-table.ts';
import type { Scale } from '../table/preprocessing.ts';
import { readNumberTarget } from '../table/read-target.ts';
import { rowInput } from '../table/signature.ts';
import type { TrainingResult } from '../training.ts';

/** Rows of one batch when a split is only measured. */
const evaluationBatch = 1024;

/** Trains on (target - mean) / deviation and answers in the target's own unit. */
export async function trainTabularRegression(
  run: Run,
  profile: TableProfile,
  files: readonly string[],
): Promise<TrainingResult> {
  const { spec } = run;
  reportProgress(run, 'preparing', 0);
  const table = await prepareTable({
    ...run,
    profile,
    files,
    readTarget: readNumberTarget,
  });
  logWarnings(run, table.warnings);
  const { target, splits, preprocessing, encoded } = table;
  const scale = scaleOf(target.values, splits.rows.train);
  const graph = new Graph({ seed: spec.training.seed });
  const network = tableNetwork(graph, preprocessing, spec.model, 1, spec.training.seed);
  const wanted = graph.placeholder('target', [null], 'f32');
  const flat = (mode: { training: boolean }) => graph.reshape(network.apply(mode), [0]);
  const prediction = flat({ training: true });
  const served = flat({ training: false });
  const nodes = { predicted: served, losses: graph.mse(served, wanted) };
  const loss = losses.meanSquaredError(prediction, wanted);
  const session = new Session(graph, { threads: run.threads });
  const scaledTarget = Float32Array.from(
    target.values,
    (value) => (value - scale.mean) / scale.deviation,
  );
  const source = { data: scaledTarget };
  const training = tablePipeline(encoded, preprocessing, source, {
    rows: splits.rows.train,
    batchSize: fittingBatchSize(spec, profile, splits.rows.train.length),
    shuffle: true,
    seed: spec.training.seed,
  });
  const measured = (rows: Uint32Array) => {
    if (rows.length === 0) return null;
    const pipeline = tablePipeline(encoded, preprocessing, source, {
      rows,
      batchSize: evaluationBatch,
    });
    const truth = pick(target.values, rows);
    return () => evaluateNumbers(session, pipeline, nodes, truth, scale);
  };
  try {
    const fitted = await fit(run, {
      session,
      pipeline: training,
      loss,
      validate: measured(splits.rows.validation),
    });
    const signature: ModelSignature = {
      task: 'tabular-regression',
      input: rowInput(preprocessing),
      output: { kind: 'number', target: table.columns.target.name },
    };
    return await finish(run, fitted, {
      session,
      inputs: network.inputs,
      outputs: { value: served },
      signature,
      extra: { preprocessing, targetScale: scale },
      test: measured(splits.rows.test),
      splitCodes: splits.codes,
      warnings: table.warnings,
    });
  } finally {
    session.close();
    await removeEncoded(encoded);
  }
}

function scaleOf(values: Float64Array, rows: Uint32Array): Scale {
  const moments = new RunningMoments();
  for (const row of rows) moments.add(values[row] ?? 0);
  return { mean: moments.mean, deviation: moments.deviation };
}

/** `loss` is the mean squared error of the scaled target, as in training. */
async function evaluateNumbers(
  session: Session,
  pipeline: Pipeline,
  nodes: { predicted: Node; losses: Node },
  truth: Float64Array,
  scale: Scale,
): Promise<SplitMetrics> {
  const { predicted, losses: each } = await session.evaluate(pipeline, nodes);
  const restored = Float64Array.from(
    predicted.data as Float32Array,
    (value) => value * scale.deviation + scale.mean,
  );
  return { loss: meanOf(each.data), ...regressionMetricsOf(truth, restored) };
}
