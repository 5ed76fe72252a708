import { join } from 'node:path';
import {
  type ImagesProfile,
  type RetrainModel,
  trainsOnFeatures,
  VandaError,
} from '@vanda/contracts';
import { type Base, Graph, losses, type Node, Pipeline, Session } from '@vanda/engine';
import { applyHead, type Head, headInput, headName } from '../fit/head.ts';
import { type KeptFeatures, keepFeatures } from '../fit/keep-features.ts';
import { logInfo, logWarnings, type Run, reportProgress, sessionOptions } from '../fit/run.ts';
import type { ServedModel } from '../fit/write-model.ts';
import type { TrainingResult } from '../training.ts';
import { fitPictures, type PictureTraining, type PreparedPictures } from './fit-pictures.ts';
import { openPictureBase } from './open-picture-base.ts';

/** Features that are kept; of more, the base runs in each epoch. */
const featuresBytesMax = 16 * 1024 ** 3;
/** Items of one batch when a head alone is measured. */
const headBatch = 1024;

/** A base, and the head that was put on it, in one graph. */
interface Joined {
  base: Base;
  head: Head;
  /** The scope of the head's variables. */
  name: string;
  /** [N, width]: what the head sees. */
  features: Node;
  /** Weights of the base, and of the head. */
  moving: { base: Node[]; head: Node[] };
  session: Session;
  served: ServedModel;
}

/**
 * Trains a new head on part of a trained network. As long as the base stays as it is and no picture is varied, what it
 * says about each picture is found once, and the head trains on that; else the whole network runs in each step. Either
 * way the network that is written is the whole one, which takes pictures.
 */
export async function retrain(
  run: Run,
  profile: ImagesProfile,
  prepared: PreparedPictures,
  model: RetrainModel,
): Promise<TrainingResult> {
  if (run.baseFolder === undefined) {
    throw new VandaError('internal', `The files of the base ${model.base} are missing.`);
  }
  const base = await openPictureBase(run.baseFolder, model, run.spec.training.seed);
  const joined = joinHead(run, base, model, prepared);
  logInfo(run, sentenceFor(joined, model));
  const idle = idleWarnings(joined, model);
  logWarnings(run, idle);
  prepared.warnings.push(...idle);
  try {
    return await (keepsFeatures(run, profile, joined)
      ? trainHead(run, profile, prepared, model, joined)
      : trainWhole(run, profile, prepared, model, joined));
  } finally {
    joined.session.close();
  }
}

function joinHead(
  run: Run,
  base: Base,
  model: RetrainModel,
  { pictures, signature }: PreparedPictures,
): Joined {
  const { graph } = base;
  const own = base.weightsFrom(model.unfreeze === 'all' ? undefined : fromLayer(model));
  const before = new Set(graph.variables);
  const name = headName([...base.layers.keys(), ...graph.variables.map((info) => info.name)]);
  const features = headInput(base.features);
  const head = applyHead(name, model, pictures.labels.length, features);
  const places = {
    ...Object.fromEntries(base.layers),
    ...(features === base.features ? {} : { [`${name}/features`]: features }),
    ...head.places,
  };
  const session = new Session(graph, sessionOptions(run));
  const moving = {
    base: model.unfreeze === 'none' ? [] : own,
    head: graph.variables.filter((info) => !before.has(info)).map(({ node }) => node),
  };
  return {
    base,
    head,
    name,
    features,
    moving,
    session,
    served: {
      session,
      inputs: { image: graph.byName('image') },
      outputs: { scores: graph.softmax(head.served) },
      places,
      signature,
      // The last but one: what the scores are made of.
      extra: { features: Object.keys(places).at(-2) ?? base.layer },
    },
  };
}

function fromLayer({ unfreeze }: RetrainModel): string | undefined {
  return unfreeze === 'none' ? undefined : unfreeze;
}

function keepsFeatures(run: Run, { items }: ImagesProfile, { features }: Joined): boolean {
  const bytes = items * (features.shape[1] ?? 0) * 4;
  return trainsOnFeatures(run.spec) && bytes <= (run.pixelsBytesMax ?? featuresBytesMax);
}

/** The head alone, on features in a file; the joined network is written with the head's weights. */
async function trainHead(
  run: Run,
  profile: ImagesProfile,
  prepared: PreparedPictures,
  model: RetrainModel,
  joined: Joined,
): Promise<TrainingResult> {
  const { pictures } = prepared;
  const kept = await featuresOf(run, profile, prepared, model, joined);
  const graph = new Graph({ seed: run.spec.training.seed });
  const input = graph.placeholder('features', [null, joined.features.shape[1] as number]);
  const head = applyHead(joined.name, model, pictures.labels.length, input);
  const session = new Session(graph, sessionOptions(run));
  try {
    return await fitPictures(run, profile, prepared, {
      session,
      model: { ...joined.served, head: session },
      inputs: { features: kept.column },
      varied: { features: kept.column },
      evaluationBatch: headBatch,
      ...outcomesOf(head),
    });
  } finally {
    session.close();
    await kept.close();
  }
}

/** All of it in each step; what is frozen of the base is left out of what the optimizer changes. */
async function trainWhole(
  run: Run,
  profile: ImagesProfile,
  prepared: PreparedPictures,
  model: RetrainModel,
  { session, served, head, moving }: Joined,
): Promise<TrainingResult> {
  const { column } = prepared.pictures;
  return await fitPictures(run, profile, prepared, {
    session,
    model: served,
    inputs: { image: column },
    varied: { image: { ...column, augment: run.spec.training.augment } },
    variables: [...moving.base, ...moving.head],
    evaluationBatch: baseBatch(model),
    ...outcomesOf(head),
  });
}

/** The placeholder `target`, and what is made of it and the head's scores. */
function outcomesOf({ logits, served }: Head): Pick<PictureTraining, 'loss' | 'nodes'> {
  const { graph } = logits;
  const label = graph.placeholder('target', [null], 'i32');
  return {
    loss: losses.softmaxCrossEntropy(logits, label),
    nodes: { scores: graph.softmax(served), losses: graph.softmaxCrossEntropy(served, label) },
  };
}

function featuresOf(
  run: Run,
  { items }: ImagesProfile,
  { pictures }: PreparedPictures,
  model: RetrainModel,
  { session, features }: Joined,
): Promise<KeptFeatures> {
  const startedAt = performance.now();
  reportProgress(run, 'features', 0);
  const columns = { image: pictures.column };
  const batchSize = baseBatch(model);
  return keepFeatures(
    {
      session,
      rows: Uint32Array.from({ length: items }, (_, row) => row),
      batchSize,
      // A base may be large: whoever stops the training should not wait for many of its batches.
      batchesAtOnce: 4,
      pipelineOf: (rows) => new Pipeline({ columns, rows, batchSize }),
      signal: run.signal,
    },
    features,
    join(run.workDir, 'features.f32'),
    (fraction) => {
      const elapsed = (performance.now() - startedAt) / 1000;
      const etaSeconds = Math.ceil((elapsed * (1 - fraction)) / fraction);
      reportProgress(run, 'features', fraction, { etaSeconds });
    },
  );
}

/** As many pictures at once as keep what the layers compute of them small. */
function baseBatch({ input: { size } }: RetrainModel): number {
  return Math.max(8, Math.min(128, Math.floor(2 ** 21 / size ** 2)));
}

/** To let weights move that are not there costs time and changes nothing. */
function idleWarnings({ moving }: Joined, { base, unfreeze }: RetrainModel): string[] {
  if (unfreeze === 'none' || moving.base.length > 0) return [];
  const what = unfreeze === 'all' ? base : `What comes from "${unfreeze}" of ${base} on`;
  return [`${what} has no weights that could move: only the new head is trained.`];
}

function sentenceFor(
  { features, moving }: Joined,
  { base, layer, unfreeze }: RetrainModel,
): string {
  const width = features.shape[1];
  const kept =
    unfreeze === 'none'
      ? 'which stays as it is'
      : `of which ${moving.base.length} weights move with the head`;
  return `A new head on the ${width} features of "${layer}" of ${base}, ${kept}.`;
}
