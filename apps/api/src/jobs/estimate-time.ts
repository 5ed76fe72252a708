import {
  type CompletedSpec,
  type DatasetProfile,
  type TimeEstimate,
  type TrainingRate,
  trainingRate,
} from '@vanda/contracts';
import { type ComparableJob, lastComparableJob, liveWorkers } from '@vanda/records';
import { profileOf } from '../datasets/present.ts';
import type { Deps } from '../deps.ts';
import type { PreparedSpec } from './prepare-spec.ts';
import { trainingSeconds } from './training-time.ts';

/** A calculation from first principles is right within about this factor, a former job closer. */
const factors = { calculation: 2, 'earlier-job': 1.3 } as const;
/** Past this nobody plans by it. */
const secondsMax = 30 * 24 * 3600;

/**
 * How long a training will take: from the last one of its kind on the same data, scaled by what each has to do, else
 * from what it has to do and how fast the live workers are. Null where neither is known.
 */
export async function estimateTime(
  deps: Deps,
  { spec, data, device }: PreparedSpec,
): Promise<TimeEstimate | null> {
  const workers = (await liveWorkers(deps.db)).filter(
    ({ roles, devices }) => roles.includes('train') && devices.includes(device),
  );
  // What was measured is for the processor.
  const rates = device === 'cpu' ? workers.flatMap(({ rate }) => rateOf(rate) ?? []) : [];
  const before = await lastComparableJob(deps.db, {
    datasetId: data.datasetId,
    task: spec.task,
    modelKind: spec.model.kind,
    device,
  });
  const rateThen = before && rateOf(await rateOfWorker(deps, before.workerId));
  return estimateFrom({ spec, profile: profileOf(data), rates, before, rateThen });
}

/** The estimate by what is known, without asking anybody. */
export function estimateFrom(known: {
  spec: CompletedSpec;
  profile: DatasetProfile;
  /** Of the workers that could take it. */
  rates: TrainingRate[];
  before: ComparableJob | null;
  /** Of the worker that took the former job, where it is still known. */
  rateThen: TrainingRate | null;
}): TimeEstimate | null {
  const { spec, profile, rates, before } = known;
  const { epochs, earlyStopping } = spec.training;
  const likely = before === null || earlyStopping === null ? epochs : likelyEpochs(spec, before);
  const least = earlyStopping === null ? epochs : Math.min(likely, earlyStopping.patience + 1);
  const scale = before === null ? null : scaleOf(before, known.rateThen ?? rates[0] ?? null);
  // What a base computes, its spec does not say: only another training on one can tell.
  if (scale === null && spec.model.kind === 'retrain') return null;
  const basis = scale === null ? 'calculation' : 'earlier-job';
  const times = (rates.length > 0 || scale === null ? rates : [known.rateThen ?? typicalRate]).map(
    (rate) => ({
      likely: (scale ?? 1) * trainingSeconds(spec, profile, rate, likely),
      least: (scale ?? 1) * trainingSeconds(spec, profile, rate, least),
      most: (scale ?? 1) * trainingSeconds(spec, profile, rate, epochs),
    }),
  );
  if (times.length === 0) return null;
  const factor = factors[basis];
  const seconds = Math.min(...times.map((time) => time.likely));
  const low = Math.min(...times.map((time) => time.least)) / factor;
  const high = Math.max(...times.map((time) => time.most)) * factor;
  if (!Number.isFinite(high) || !(low > 0) || seconds > secondsMax) return null;
  return {
    seconds,
    low,
    high,
    basis,
    sentence: sentenceFor({ seconds, low, high }, before, spec, profile),
  };
}

/** Only ratios are taken from it, where a former job says how long things take and no worker has measured. */
const typicalRate: TrainingRate = {
  threads: 1,
  startSeconds: 0.4,
  stepSeconds: 1e-4,
  weightSeconds: 2e-9,
  operationsPerSecond: 5e10,
  pixelSeconds: 1e-8,
};

/** How much longer the former job took than calculated. */
function scaleOf(before: ComparableJob, rate: TrainingRate | null): number {
  const spec = before.job.spec as unknown as CompletedSpec;
  const profile = before.profile as DatasetProfile;
  return before.seconds / trainingSeconds(spec, profile, rate ?? typicalRate, before.epochsRun);
}

/** A training that stopped early would probably do so again at about the same epoch. */
function likelyEpochs({ training }: CompletedSpec, before: ComparableJob): number {
  const former = (before.job.spec as unknown as CompletedSpec).training;
  return before.epochsRun < former.epochs
    ? Math.min(training.epochs, before.epochsRun)
    : training.epochs;
}

function sentenceFor(
  { seconds, low, high }: { seconds: number; low: number; high: number },
  before: ComparableJob | null,
  spec: CompletedSpec,
  profile: DatasetProfile,
): string {
  if (before === null) {
    return `About ${spoken(seconds)} on this machine, between ${spoken(low)} and ${spoken(high)}, from what the network computes and how fast it is done here.`;
  }
  const { epochsRun } = before;
  const epochs = epochsRun === 1 ? 'one epoch' : `${epochsRun} epochs`;
  const epochOf = (one: CompletedSpec, data: DatasetProfile) =>
    trainingSeconds(one, data, typicalRate, 2) - trainingSeconds(one, data, typicalRate, 1);
  const former = before.job.spec as unknown as CompletedSpec;
  const ratio = epochOf(spec, profile) / epochOf(former, before.profile as DatasetProfile);
  const unlike =
    ratio > 1.3
      ? ' with less to compute in each'
      : ratio < 0.75
        ? ' with more to compute in each'
        : '';
  return `About ${spoken(seconds)}: the last such job took ${spoken(before.seconds)} for ${epochs}${unlike}.`;
}

/** In steps as coarse as the knowledge: 8 s, 40 s, 3 min, 2 h. */
function spoken(seconds: number): string {
  if (seconds < 1) return 'a second';
  if (seconds < 10) return `${Math.round(seconds)} s`;
  if (seconds < 60) return `${Math.round(seconds / 5) * 5} s`;
  if (seconds < 100) return `${Math.round(seconds / 10) * 10} s`;
  const minutes = seconds / 60;
  if (minutes < 10) return `${Math.round(minutes)} min`;
  if (minutes < 90) return `${Math.round(minutes / 5) * 5} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
}

async function rateOfWorker(deps: Deps, id: string): Promise<unknown> {
  return (await deps.db.worker.findUnique({ where: { id } }))?.rate ?? null;
}

function rateOf(stored: unknown): TrainingRate | null {
  return trainingRate.safeParse(stored).data ?? null;
}
