import type { ModelSignature } from '@vanda/contracts';
import type { ClassPrediction, Prediction, TensorPrediction } from '@vanda/estimators';
import { assertAnswerFits, tensorColumns, tensorRow } from './tensor-answers.ts';
import { invalidArgument } from './tfs-error.ts';
import { parseTfsJson } from './tfs-json.ts';
import type { Verb } from './tfs-route.ts';

export interface InferRequest {
  instances: unknown[];
  /** Makes the body of the answer from the predictions. */
  answer(predictions: Prediction[]): Record<string, unknown>;
}

const signatureNames: ReadonlySet<unknown> = new Set([undefined, '', 'serving_default']);

/** Reads the body of :predict, :classify or :regress. Whatever is wrong with it is a 400 with a sentence. */
export function readInferRequest(
  verb: Verb,
  body: Buffer,
  signature: ModelSignature,
): InferRequest {
  const request = parseBody(body);
  if (!signatureNames.has(request.signature_name)) {
    const given = JSON.stringify(request.signature_name)?.slice(0, 100);
    throw invalidArgument(
      `Serving signature name ${given} not found: this model has "serving_default".`,
    );
  }
  return verb === 'predict'
    ? predictRequest(request, signature)
    : examples(verb, request, signature);
}

function parseBody(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseTfsJson(body.toString('utf8'));
  } catch (error) {
    const reason = (error as Error).message.slice(0, 200);
    throw invalidArgument(`JSON Parse error: ${reason}`);
  }
  if (isObject(value)) return value;
  throw invalidArgument('The body must be a JSON object with a list named "instances".');
}

function predictRequest(request: Record<string, unknown>, signature: ModelSignature): InferRequest {
  const rows = request.instances !== undefined;
  if (rows === (request.inputs !== undefined)) {
    throw invalidArgument(
      `The body must have exactly one of "instances" and "inputs", and has ${rows ? 'both' : 'neither'}.`,
    );
  }
  const instances = rows ? request.instances : fromColumns(request.inputs, signature);
  if (!Array.isArray(instances) || instances.length === 0) {
    throw invalidArgument('"instances" must be a list with at least one instance.');
  }
  assertAnswerFits(instances.length, signature.output);
  return {
    instances,
    answer: (predictions) =>
      rows ? { predictions: predictions.map(toRow) } : { outputs: toColumns(predictions) },
  };
}

function toRow(prediction: Prediction): unknown {
  return isTensors(prediction) ? tensorRow(prediction) : prediction;
}

/** `inputs`: a list for the one input of a model, or an object of one list for each column of a table, each tensor. */
function fromColumns(inputs: unknown, signature: ModelSignature): unknown[] {
  if (signature.input.kind === 'picture') {
    if (Array.isArray(inputs)) return inputs;
    const lists = isObject(inputs) ? Object.values(inputs) : [];
    if (lists.length === 1 && Array.isArray(lists[0])) return lists[0];
    throw invalidArgument('"inputs" must be a list of pictures, or an object with one such list.');
  }
  const isOnly = signature.input.kind === 'tensors' && signature.input.tensors.length === 1;
  if (isOnly && Array.isArray(inputs)) return inputs;
  if (!isObject(inputs)) {
    throw invalidArgument(
      '"inputs" must be an object with a list of values for each column or tensor.',
    );
  }
  const columns = Object.entries(inputs);
  const length = Array.isArray(columns[0]?.[1]) ? columns[0][1].length : 0;
  for (const [name, values] of columns) {
    if (Array.isArray(values) && values.length === length) continue;
    throw invalidArgument(
      `"inputs" must hold lists of one length: ${JSON.stringify(name.slice(0, 100))} is not a list of ${length}.`,
    );
  }
  return Array.from({ length }, (_, row) =>
    Object.fromEntries(columns.map(([name, values]) => [name, (values as unknown[])[row]])),
  );
}

function toColumns(predictions: Prediction[]): unknown {
  if (predictions.every((prediction) => typeof prediction === 'number')) return predictions;
  if (predictions.every(isTensors)) return tensorColumns(predictions);
  const classes = predictions.filter(isClass);
  return {
    label: classes.map(({ label }) => label),
    score: classes.map(({ score }) => score),
    scores: classes.map(({ scores }) => scores),
  };
}

function examples(
  verb: 'classify' | 'regress',
  request: Record<string, unknown>,
  signature: ModelSignature,
): InferRequest {
  const fits = signature.output.kind === (verb === 'classify' ? 'classes' : 'number');
  if (!fits) {
    if (signature.output.kind === 'tensors') {
      throw invalidArgument('Expected another signature: this model is asked with :predict.');
    }
    throw invalidArgument(
      `Expected ${verb === 'classify' ? 'classification' : 'regression'} signature: ${signature.task} is asked with :predict or :${verb === 'classify' ? 'regress' : 'classify'}.`,
    );
  }
  const list = request.examples;
  const context = request.context ?? {};
  if (!Array.isArray(list) || list.length === 0 || !list.every(isObject) || !isObject(context)) {
    throw invalidArgument('"examples" must be a list of at least one object of features.');
  }
  return {
    instances: list.map((example) => ({ ...context, ...example })),
    answer: (predictions) => ({ results: predictions.map(toResult) }),
  };
}

function toResult(prediction: Prediction): unknown {
  return isClass(prediction) ? Object.entries(prediction.scores) : prediction;
}

function isTensors(prediction: Prediction): prediction is TensorPrediction {
  return typeof prediction !== 'number' && 'tensors' in prediction;
}

function isClass(prediction: Prediction): prediction is ClassPrediction {
  return typeof prediction !== 'number' && !('tensors' in prediction);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
