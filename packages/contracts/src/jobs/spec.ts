import { z } from 'zod';
import { resourceName, versionedName } from '../names.ts';
import { metricNames } from './metrics.ts';
import { type CompletedModel, modelSpec } from './model-spec.ts';

/** The training spec: kinds, defaults and bounds are written here once. */

export const tasks = [
  'image-classification',
  'tabular-classification',
  'tabular-regression',
] as const;
export const task = z.enum(tasks);
export type Task = z.infer<typeof task>;

const positive = z.number().gt(0);
const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const fraction = z.number().min(0).max(0.9);
const rate = z.number().min(0).lt(1);
const learningRate = positive.optional();
const optimizer = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('sgd'), learningRate }),
    z.strictObject({
      kind: z.literal('momentum'),
      learningRate,
      momentum: rate.optional(),
      nesterov: z.boolean().optional(),
    }),
    z.strictObject({
      kind: z.literal('adam'),
      learningRate,
      beta1: rate.optional(),
      beta2: rate.optional(),
    }),
    z.strictObject({
      kind: z.literal('adamw'),
      learningRate,
      beta1: rate.optional(),
      beta2: rate.optional(),
      weightDecay: z.number().min(0).max(10).optional(),
    }),
  ],
  { error: 'Must have a kind: one of "sgd", "momentum", "adam", "adamw".' },
);

const schedule = z.strictObject({
  kind: z.enum(['constant', 'step', 'exponential', 'cosine']),
  /** step and exponential: the factor by which the rate falls. */
  factor: z.number().gt(0).max(1).optional(),
  /** step: epochs between two falls. */
  everyEpochs: z.number().int().min(1).max(10_000).optional(),
  /** Epochs of linear warm-up before. */
  warmupEpochs: z.number().min(0).max(1000).optional(),
});

/** Changes of the pictures that a model trains on, drawn anew in each epoch. */
const augment = z.strictObject({
  /** Left and right, every second time. */
  flip: z.boolean().optional(),
  /** The share of each side that may be cut away. */
  crop: z.number().min(0).max(0.9).optional(),
  /** Degrees to either side. */
  rotate: z.number().min(0).max(180).optional(),
  brightness: z.number().min(0).max(1).optional(),
  contrast: z.number().min(0).max(1).optional(),
});

const precision = z.enum(['float32', 'bfloat16']).meta({
  description:
    'What products are made in. bfloat16 is faster and needs a worker whose processor has AVX-512 BF16 or AMX.',
});

const training = z.strictObject({
  epochs: z.number().int().min(1).max(10_000).optional(),
  batchSize: z.number().int().min(1).max(65_536).optional(),
  optimizer: optimizer.optional(),
  schedule: schedule.optional(),
  l2: z.number().min(0).max(10).optional(),
  augment: augment.optional(),
  seed: seed.optional(),
  precision: precision.optional(),
  earlyStopping: z
    .strictObject({
      patience: z.number().int().min(1).max(10_000),
      minDelta: z.number().min(0).optional(),
    })
    .nullable()
    .optional()
    .meta({ description: 'null turns it off' }),
});

const split = z
  .strictObject({
    validation: fraction.optional(),
    test: fraction.optional(),
    seed: seed.optional(),
  })
  .refine((value) => (value.validation ?? 0.1) + (value.test ?? 0.1) < 0.95, {
    error: 'validation and test together must leave at least 5 % for training.',
  });

const resources = z.strictObject({
  device: z.enum(['auto', 'cpu', 'gpu']).optional(),
  priority: z.number().int().min(-100).max(100).optional(),
  timeoutMinutes: z
    .number()
    .gt(0)
    .max(60 * 24 * 30)
    .optional(),
  retries: z.number().int().min(0).max(10).optional(),
  memoryMiB: z
    .number()
    .int()
    .min(1)
    .max(1024 * 1024)
    .optional(),
});

const deployBounds = z.partialRecord(
  z.enum(Object.keys(metricNames) as [keyof typeof metricNames, ...(keyof typeof metricNames)[]]),
  z.number(),
);
const deploy = z.strictObject({
  endpoint: resourceName,
  /** On the test split: below (maximum: above) one of these, the version is registered and not deployed. */
  minimum: deployBounds.optional(),
  maximum: deployBounds.optional(),
});

const columnName = z.string().min(1).max(4096);

/** What a user submits. Every field but name, task and dataset has a default that works. */
export const trainSpec = z
  .strictObject({
    kind: z.literal('train').default('train'),
    name: resourceName,
    task,
    dataset: versionedName,
    target: columnName.optional(),
    columns: z.strictObject({ exclude: z.array(columnName).max(10_000).optional() }).optional(),
    model: modelSpec.optional(),
    split: split.optional(),
    training: training.optional(),
    resources: resources.optional(),
    deploy: deploy.optional(),
  })
  .superRefine((spec, context) => {
    const pictures = spec.task === 'image-classification';
    const issue = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message, input: spec });
    if (pictures && spec.target !== undefined) {
      issue(
        ['target'],
        'Only tables have a target; pictures are labelled by their folders or label file.',
      );
    }
    if (!pictures && spec.target === undefined) {
      issue(['target'], `Is missing: name the column that ${spec.task} predicts.`);
    }
    if (!pictures && spec.model?.kind === 'cnn') {
      issue(['model', 'kind'], 'Must be one of "linear", "mlp": cnn is for pictures only.');
    }
    if (!pictures && spec.model?.kind === 'retrain') {
      issue(['model', 'kind'], 'Must be one of "linear", "mlp": retrain is for pictures only.');
    }
    if (!pictures && spec.model && 'input' in spec.model && spec.model.input !== undefined) {
      issue(['model', 'input'], 'Only pictures have an input size.');
    }
    if (!pictures && spec.training?.augment !== undefined) {
      issue(['training', 'augment'], 'Only pictures are augmented.');
    }
    if (pictures && spec.columns !== undefined) {
      issue(['columns'], 'Only tables have columns.');
    }
  })
  .meta({ id: 'TrainSpec' });
export type TrainSpec = z.infer<typeof trainSpec>;
export type TrainSpecInput = z.input<typeof trainSpec>;

export type OptimizerSpec = z.infer<typeof optimizer> & { learningRate: number };
export type ScheduleSpec = z.infer<typeof schedule>;

/** The spec with every default filled in from the data; what is stored, shown, trained and reproduced. */
export interface CompletedSpec {
  kind: 'train';
  name: string;
  task: Task;
  /** NAME@VERSION, resolved. */
  dataset: string;
  target?: string;
  columns?: { exclude: string[] };
  model: CompletedModel;
  split: { validation: number; test: number; seed: number };
  training: {
    epochs: number;
    batchSize: number;
    optimizer: OptimizerSpec;
    schedule: ScheduleSpec;
    l2: number;
    augment?: z.infer<typeof augment>;
    seed: number;
    precision: z.infer<typeof precision>;
    earlyStopping: { patience: number; minDelta: number } | null;
  };
  resources: {
    device: 'auto' | 'cpu' | 'gpu';
    priority: number;
    timeoutMinutes: number;
    retries: number;
    /** A job whose plan needs more is refused before it trains; no limit where it is left out. */
    memoryMiB?: number;
  };
  deploy?: z.infer<typeof deploy>;
}
