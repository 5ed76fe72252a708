import { z } from 'zod';
import { versionedName } from '../names.ts';

/** What a spec says about the network itself. */

const rate = z.number().min(0).lt(1);
const activation = z.enum(['relu', 'tanh', 'sigmoid', 'gelu', 'silu', 'elu', 'leaky-relu']);
const hidden = z.array(z.number().int().min(1).max(16_384));
const layerName = z.string().min(1).max(1024);

const pictureSize = z.number().int().min(8).max(1024).optional();
const pictureInput = z.strictObject({
  size: pictureSize,
  channels: z.union([z.literal(1), z.literal(3)]).optional(),
});

const linearModel = z.strictObject({ kind: z.literal('linear'), input: pictureInput.optional() });
const mlpModel = z.strictObject({
  kind: z.literal('mlp'),
  hidden: hidden.min(1).max(16).optional(),
  activation: activation.optional(),
  dropout: rate.optional(),
  input: pictureInput.optional(),
});
const cnnModel = z.strictObject({
  kind: z.literal('cnn'),
  filters: z.array(z.number().int().min(1).max(1024)).min(1).max(8).optional(),
  dense: z.number().int().min(1).max(16_384).optional(),
  batchNorm: z.boolean().optional(),
  dropout: rate.optional(),
  input: pictureInput.optional(),
});
/** Part of a model that is trained already, under a head of its own. */
const retrainModel = z.strictObject({
  kind: z.literal('retrain'),
  base: versionedName,
  /** The layer of the base whose result the head sees; by default the one that it calls its features. */
  layer: layerName.optional(),
  /** none: the base stays as it is; all: it moves with the head; a layer: from that one on. */
  unfreeze: layerName
    .optional()
    .meta({ description: '"none", "all", or the layer from which on weights move' }),
  /** Of the head, between the features and the labels. */
  hidden: hidden.max(16).optional(),
  activation: activation.optional(),
  dropout: rate.optional(),
  /** How many channels a picture has is the base's to say. */
  input: z.strictObject({ size: pictureSize }).optional(),
});
export const modelSpec = z.discriminatedUnion(
  'kind',
  [linearModel, mlpModel, cnnModel, retrainModel],
  {
    error:
      'Must have a kind: one of "linear", "mlp", "cnn", "retrain" (the last two for pictures only).',
  },
);
export type ModelSpec = z.infer<typeof modelSpec>;

type Filled<T> = { [K in keyof T]-?: NonNullable<T[K]> };
type LinearSpec = z.infer<typeof linearModel>;
type MlpSpec = z.infer<typeof mlpModel>;
type CnnSpec = z.infer<typeof cnnModel>;
export type RetrainSpec = z.infer<typeof retrainModel>;
export type PictureInput = { size: number; channels: 1 | 3 };
/** `base` is NAME@VERSION, resolved. */
export type RetrainModel = Omit<Filled<RetrainSpec>, 'input'> & { input: PictureInput };
export type CompletedModel =
  | (Omit<LinearSpec, 'input'> & { input?: PictureInput })
  | (Omit<Filled<MlpSpec>, 'input'> & { input?: PictureInput })
  | (Omit<Filled<CnnSpec>, 'input'> & { input: PictureInput })
  | RetrainModel;
