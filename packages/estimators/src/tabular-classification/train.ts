import type { ModelSignature, TableProfile } from '@vanda/contracts';
import { Graph, losses, Session } from '@vanda/engine';
import { fittingBatchSize } from '../fit/batch-size.ts';
import { classEvaluator, shareOfMostFrequent } from '../fit/evaluate-classes.ts';
import { finish } from '../fit/finish.ts';
import { fit } from '../fit/fit.ts';
import { logWarnings, type Run, reportProgress, sessionOptions } from '../fit/run.ts';
import { rowDescriber } from '../table/describe-rows.ts';
import { removeEncoded } from '../table/encode-table.ts';
import { tableNetwork } from '../table/network.ts';
import { tablePipeline } from '../table/pipelines.ts';
import { prepareTable } from '../table/prepare-table.ts';
import { readClassTarget } from '../table/read-target.ts';
import { rowInput } from '../table/signature.ts';
import type { TrainingResult } from '../training.ts';

/** Rows of one batch when a split is only measured. */
const evaluationBatch = 1024;

export async function trainTabularClassification(
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
    readTarget: readClassTarget,
  });
  logWarnings(run, table.warnings);
  const { target, splits, preprocessing, encoded } = table;
  const graph = new Graph({ seed: spec.training.seed });
  const network = tableNetwork(
    graph,
    preprocessing,
    spec.model,
    target.labels.length,
    spec.training.seed,
  );
  const label = graph.placeholder('target', [null], 'i32');
  const logits = network.apply({ training: true });
  const served = network.apply({ training: false });
  const scores = graph.softmax(served);
  const nodes = { scores, losses: graph.softmaxCrossEntropy(served, label) };
  const loss = losses.softmaxCrossEntropy(logits, label);
  const session = new Session(graph, sessionOptions(run));
  const source = { data: target.values };
  const training = tablePipeline(encoded, preprocessing, source, {
    rows: splits.rows.train,
    batchSize: fittingBatchSize(spec, profile, splits.rows.train.length),
    shuffle: true,
    seed: spec.training.seed,
  });
  const measured = (rows: Uint32Array) =>
    classEvaluator(
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
      target.labels,
    );
  try {
    const model = {
      session,
      inputs: network.inputs,
      outputs: { scores },
      signature: {
        task: 'tabular-classification',
        input: rowInput(preprocessing),
        output: { kind: 'classes', labels: target.labels },
      } satisfies ModelSignature,
      extra: { preprocessing },
    };
    const fitted = await fit(run, {
      session,
      model,
      chance: shareOfMostFrequent(target.values, splits.rows.validation),
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
