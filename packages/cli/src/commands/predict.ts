import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, errorCodes, VandaError } from '@vanda/contracts';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { readInstances } from '../read-instances.ts';
import type { Act, Runs } from './act.ts';
import { readName } from './references.ts';

const timeoutMs = 120_000;
const triesMax = 20;
const betweenTriesMs = 250;

export function addPredict(program: Command, runs: Runs): void {
  program
    .command('predict <endpoint> <input>')
    .description('a JSON instance, an array of them, @file.json with either, or @picture.png')
    .action(runs(predict));
}

/** Asks the inference server itself, as an app does. */
function predict(name: string, input: string): Act {
  return async (context) => {
    const instances = await readInstances(input);
    const params = { name: readName(name) };
    const { url } = await context.client.endpoints.get({ params }, { signal: context.signal });
    const response = await askUntilLoaded(context, url, JSON.stringify({ instances }));
    const answer = readAnswer(await response.text());
    if (!response.ok) throw refusal(response.status, answer);
    context.answer(answer, () => JSON.stringify(answer, null, 2));
  };
}

/**
 * The API knows the endpoint; an inference server that has just started again, or has not heard of it yet, soon
 * answers. Asking twice does no harm.
 */
async function askUntilLoaded(context: Context, url: string, body: string): Promise<Response> {
  for (let tried = 1; ; tried++) {
    try {
      const response = await ask(context, url, body);
      if (![404, 503].includes(response.status) || tried === triesMax) return response;
    } catch (error) {
      if (context.signal.aborted || tried === triesMax) throw error;
    }
    await sleep(betweenTriesMs, undefined, { signal: context.signal });
  }
}

async function ask(context: Context, url: string, body: string): Promise<Response> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]);
  const headers = {
    authorization: `Bearer ${context.config.apiKey}`,
    'content-type': 'application/json',
  };
  try {
    return await fetch(url, { method: 'POST', headers, body, signal });
  } catch (error) {
    context.signal.throwIfAborted();
    throw new VandaError(
      'unavailable',
      `The inference server does not answer at ${new URL(url).origin}: is it running? Start it with npm start.`,
      undefined,
      { cause: error },
    );
  }
}

/** Bare NaN and Infinity of the server's dialect are null in JSON. */
function readAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const plain = text.replace(/([[:,])\s*(?:NaN|-?Infinity)(?=\s*[,\]}])/g, '$1null');
    try {
      return JSON.parse(plain);
    } catch {
      return { error: text.slice(0, 500) };
    }
  }
}

function refusal(status: number, answer: unknown): VandaError {
  const sentence = (answer as { error?: unknown } | null)?.error;
  const codes = Object.entries(errorCodes) as [ErrorCode, { status: number }][];
  const code = codes.find(([, entry]) => entry.status === status)?.[0] ?? 'internal';
  return new VandaError(
    code,
    typeof sentence === 'string' ? sentence : `The inference server answered ${status}.`,
  );
}
