import { z } from 'zod';
import type { PictureInput } from './model-spec.ts';

/** What must be known of a version to build another model on it. */
export interface BaseModel {
  /** NAME@VERSION. */
  name: string;
  /** The pictures that it takes; null for a model of something else. */
  input: PictureInput | null;
  /** Where it may be cut, in the order in which it computes; none where it was made before there were such places. */
  layers: string[];
  /** The one of them that a new head goes on, where the base says it. */
  features: string | null;
}

/** The part of an artifact's model.json that tells. */
const modelJson = z.object({
  signatures: z
    .object({ layers: z.object({ outputs: z.record(z.string(), z.number()) }).optional() })
    .optional(),
  extra: z.object({
    features: z.string().optional(),
    signature: z.object({
      input: z.object({
        kind: z.string(),
        size: z.number().optional(),
        channels: z.union([z.literal(1), z.literal(3)]).optional(),
      }),
    }),
  }),
});

/** @param model model.json, parsed; one that says nothing of all this is no base for pictures. */
export function baseModelOf(name: string, model: unknown): BaseModel {
  const { data } = modelJson.safeParse(model);
  const { kind, size, channels } = data?.extra.signature.input ?? {};
  const pictures = kind === 'picture' && size !== undefined && channels !== undefined;
  const layers = Object.keys(data?.signatures?.layers?.outputs ?? {});
  const features = data?.extra.features;
  return {
    name,
    input: pictures ? { size, channels } : null,
    layers,
    features: features !== undefined && layers.includes(features) ? features : null,
  };
}
