import type { ServerResponse } from 'node:http';
import type { LoadedVersion } from './loaded-version.ts';
import { TfsError, unavailable } from './tfs-error.ts';
import { readInferRequest } from './tfs-predict.ts';
import type { Verb } from './tfs-route.ts';

const predictMsMax = 60_000;

/** Reads the body by the model's signature and predicts, unless the caller leaves or it takes too long. */
export async function predictInTime(
  loaded: LoadedVersion,
  verb: Verb,
  body: Buffer,
  response: ServerResponse,
): Promise<unknown> {
  const left = new AbortController();
  response.once('close', () => left.abort(unavailable('The caller has left.')));
  const signal = AbortSignal.any([left.signal, AbortSignal.timeout(predictMsMax)]);
  const infer = readInferRequest(verb, body, loaded.predictor.signature);
  return infer.answer(await inTime(loaded.predict(infer.instances, signal), signal));
}

async function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let late: (() => void) | undefined;
  const timeout = new Promise<never>((_, reject) => {
    late = () => {
      const reason: unknown = signal.reason;
      reject(reason instanceof TfsError ? reason : tooLate());
    };
    signal.addEventListener('abort', late, { once: true });
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    if (late) signal.removeEventListener('abort', late);
  }
}

function tooLate(): TfsError {
  return new TfsError(504, `The prediction took longer than ${predictMsMax / 1000} s.`);
}
