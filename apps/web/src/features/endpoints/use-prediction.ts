import { useMutation } from '@tanstack/react-query';
import { VandaError } from '@vanda/contracts';
import { useEffect, useRef, useState } from 'react';

export interface ClassPrediction {
  label: string;
  score: number;
  scores: Record<string, number>;
}

/** What a model answers that nothing more is known of than its tensors: lists of numbers, or such by name. */
export type TensorPrediction = readonly unknown[] | Record<string, unknown>;

export interface Answer {
  prediction: number | ClassPrediction | TensorPrediction;
  /** From the click to the answer, the way through the API included. */
  tookMs: number;
}

/** Who is asked. */
export interface Asked {
  predict: (instances: unknown[]) => Promise<Record<string, unknown>>;
  /** Of the model behind it; when it changes, what was asked last is asked again. */
  revision: string;
}

/** One instance to the model and its prediction back. */
export function usePrediction({ predict, revision }: Asked) {
  const [answer, setAnswer] = useState<Answer>();
  const last = useRef<{ instance: unknown } | null>(null);
  const asking = useMutation({
    mutationFn: (instance: unknown) => askOne(predict, instance),
    onSuccess: setAnswer,
  });

  const asked = useRef(revision);
  useEffect(() => {
    if (asked.current === revision) return;
    asked.current = revision;
    const about = last.current;
    if (about === null) return;
    // Nobody asked for it: where it fails, the former answer stays.
    askOne(predict, about.instance).then(
      (better) => last.current === about && setAnswer(better),
      () => {},
    );
  }, [revision, predict]);

  return {
    answer,
    error: asking.error,
    pending: asking.isPending,
    ask(instance: unknown) {
      last.current = { instance };
      setAnswer(undefined);
      asking.mutate(instance);
    },
    reset() {
      last.current = null;
      setAnswer(undefined);
      asking.reset();
    },
  };
}

async function askOne(predict: Asked['predict'], instance: unknown): Promise<Answer> {
  const began = performance.now();
  const answer = await predict([instance]);
  const [prediction] = (answer.predictions as Answer['prediction'][] | undefined) ?? [];
  if (prediction === undefined) {
    throw new VandaError('internal', `The answer holds no prediction: ${JSON.stringify(answer)}`);
  }
  return { prediction, tookMs: performance.now() - began };
}
