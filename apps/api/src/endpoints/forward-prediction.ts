import { VandaError } from '@vanda/contracts';
import { issueTicket, type Ticket } from '@vanda/records';
import type { Deps } from '../deps.ts';
import { endpointUrl } from './present.ts';

const waitMs = 60_000;

/** Asks the inference server in the caller's name, with a ticket for this endpoint or job, and passes its answer on. */
export async function forwardPrediction(
  { config }: Deps,
  ticket: Ticket,
  body: unknown,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const response = await fetch(addressOf(config.inferenceInternalUrl, ticket), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${issueTicket(config.secret, ticket)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(waitMs)]),
  }).catch(unreachable);
  const text = await response.text().catch(unreachable);
  const answer = parsed(text);
  if (response.ok) return answer;
  const sentence = typeof answer.error === 'string' ? answer.error : 'The prediction was refused.';
  throw new VandaError(codeOf(response.status), sentence);
}

/** Nobody listens, the connection broke in the middle, or it took too long. */
function unreachable(cause: Error): never {
  if (cause.name === 'TimeoutError') {
    throw new VandaError(
      'timeout',
      `The inference server did not answer within ${waitMs / 1000} s.`,
    );
  }
  const sentence = 'The inference server cannot be reached right now: try again in a moment.';
  throw new VandaError('unavailable', sentence, undefined, { cause });
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function addressOf(server: string, { subject }: Ticket): string {
  const [noun, name = ''] = subject.split('/');
  return noun === 'endpoint' ? endpointUrl(server, name) : `${server}/v1/jobs/${name}:predict`;
}

function codeOf(status: number) {
  if (status === 404) return 'not-found';
  if (status === 409) return 'illegal-state';
  if (status === 413) return 'payload-too-large';
  if (status === 429) return 'too-many-requests';
  if (status === 504) return 'timeout';
  return status >= 500 ? 'unavailable' : 'invalid-request';
}
