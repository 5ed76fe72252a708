import { useMutation } from '@tanstack/react-query';
import { predictEndpoint, VandaError } from '@vanda/contracts';
import { call } from '../../lib/call.ts';

export interface ClassPrediction {
  label: string;
  score: number;
  scores: Record<string, number>;
}

export interface Answer {
  prediction: number | ClassPrediction;
  /** From the click to the answer, the way through the API included. */
  tookMs: number;
}

/** One instance to the endpoint and its prediction back. */
export function usePrediction(endpoint: string) {
  return useMutation({
    mutationFn: async (instance: unknown): Promise<Answer> => {
      const began = performance.now();
      const answer = await call(predictEndpoint, {
        params: { name: endpoint },
        body: { instances: [instance] },
      });
      const [prediction] = (answer.predictions as (number | ClassPrediction)[] | undefined) ?? [];
      if (prediction === undefined) {
        throw new VandaError(
          'internal',
          `The answer holds no prediction: ${JSON.stringify(answer)}`,
        );
      }
      return { prediction, tookMs: performance.now() - began };
    },
  });
}
