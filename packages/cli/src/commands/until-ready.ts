import { setTimeout as sleep } from 'node:timers/promises';
import { type EndpointView, VandaError } from '@vanda/contracts';
import type { Context } from '../context.ts';

const readyMsMax = 120_000;
/** A supervisor brings a dead inference server back well within this. */
const serverMsMax = 30_000;
const pollMs = 250;

/** Waits until an inference server answers with what the endpoint was changed to. */
export async function untilReady(context: Context, changed: EndpointView): Promise<EndpointView> {
  const { client, signal } = context;
  const { name } = changed;
  const startedAt = Date.now();
  for (let now = changed; ; now = await client.endpoints.get({ params: { name } }, { signal })) {
    const { state, error } = now.serving;
    if (state === 'ready') return now;
    if (state === 'failed') {
      throw new VandaError('unavailable', `${name} was changed, but cannot be served: ${error}`);
    }
    const waited = Date.now() - startedAt;
    if (waited > (state === 'no-server' ? serverMsMax : readyMsMax)) {
      throw new VandaError(
        'timeout',
        state === 'no-server'
          ? `${name} was changed, but no inference server is there to serve it: start one with npm start.`
          : `${name} was changed, but is not served after ${readyMsMax / 1000} s: vanda endpoints show ${name}`,
      );
    }
    await sleep(pollMs, undefined, { signal });
  }
}
