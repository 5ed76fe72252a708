import type { ModelSignature, TableProfile } from '@vanda/contracts';
import { Graph, losses, type Node, Session } from '@vanda/engine';
import { fittingBatchSize } from '../fit/batch-size.ts';
import { type Evaluation, evaluateRows, meanOf, pick } from '../fit/evaluate-rows.ts';
import { finish } from '../fit/finish.ts';
import { fit } from '../fit/fit.ts';
import { logWarnings, type Run, reportProgress, sessionOptions } from '../fit/run.ts';
import { regressionMetricsOf } from '../metrics/regression.ts';
import type { Evaluated } from '../predictions/answers.ts';
import { RunningMoments } from '../table/column-statistics.ts';
import { rowDescriber } from '../table/describe-rows.ts';
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
  const session = new Session(graph, sessionOptions(run));
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
  const measured = (rows: Uint32Array) =>
    numberEvaluator(
      {
        session,
        rows,
        batchSize: evaluationBatch,
        pipelineOf: (part) =>
          tablePipeline(encoded, preprocessing, source, { rows: part, batchSize: evaluationBatch }),
        signal: run.signal,
      },
      nodes,
      target.values,
      scale,
    );
  try {
    const model = {
      session,
      inputs: network.inputs,
      outputs: { value: served },
      signature: {
        task: 'tabular-regression',
        input: rowInput(preprocessing),
        output: { kind: 'number', target: table.columns.target.name },
      } satisfies ModelSignature,
      extra: { preprocessing, targetScale: scale },
    };
    const fitted = await fit(run, {
      session,
      model,
      chance: null,
      pipeline: training,
      loss,
      validate: measured(splits.rows.validation),
    });
    return await finish(run, fitted, model, {
      test: measured(splits.rows.test),
      describer: rowDescriber(profile, files, run.threads),
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

/** `loss` is the mean squared error of the scaled target, as in training; null for an empty split. */
function numberEvaluator(
  evaluation: Evaluation,
  nodes: { predicted: Node; losses: Node },
  values: Float64Array,
  scale: Scale,
): (() => Promise<Evaluated>) | null {
  const { rows } = evaluation;
  if (rows.length === 0) return null;
  const truth = pick(values, rows);
  return async () => {
    const { predicted, losses: each } = await evaluateRows(evaluation, nodes);
    const restored = Float64Array.from(predicted, (value) => value * scale.deviation + scale.mean);
    return {
      metrics: { loss: meanOf(each), ...regressionMetricsOf(truth, restored) },
      answers: () => ({ rows, labels: null, truth, predicted: restored, scores: null }),
    };
  };
}
