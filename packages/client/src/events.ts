import { pause } from './back-off.ts';
import { ClientError } from './client-error.ts';
import type { Transport } from './transport.ts';

export interface ServerEvent {
  event: string;
  /** Parsed JSON, or the text where it is none. */
  data: unknown;
  id?: string;
}

export interface EventOptions {
  signal?: AbortSignal;
  /** Go on after this event, as a reader that was there before. */
  lastEventId?: string;
  /** Without an answer for so long, the stream gives up. */
  giveUpAfterMs?: number;
}

/** A server sends a comment at least every 15 s or so; silence means a dead connection. */
const silenceMsMax = 60_000;
const giveUpAfterMsUsual = 300_000;

/**
 * Server-Sent Events over fetch, since EventSource cannot send a key. A stream that breaks or ends is opened again
 * after the last event that arrived; leave the loop, or abort, to end it.
 */
export async function* streamEvents(
  transport: Transport,
  url: string,
  options: EventOptions = {},
): AsyncGenerator<ServerEvent, void, undefined> {
  let lastId = options.lastEventId;
  let tried = 0;
  let answeredAt = Date.now();
  while (true) {
    const hangUp = new AbortController();
    const signal = options.signal
      ? AbortSignal.any([options.signal, hangUp.signal])
      : hangUp.signal;
    try {
      const headers = transport.headers({
        accept: 'text/event-stream',
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      });
      // The timeout of a call bounds its body too, and an event stream's body has no end.
      const response = await transport.try(
        url,
        { headers, credentials: 'same-origin', cache: 'no-store' },
        { signal, timeoutMs: 2 ** 31 - 1 },
      );
      // 204 is a server's way to say that nothing will ever come again.
      if (response.status === 204 || response.body === null) return;
      answeredAt = Date.now();
      for await (const event of readEvents(response.body, hangUp)) {
        tried = 0;
        answeredAt = Date.now();
        if (event.id !== undefined) lastId = event.id;
        yield event;
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      const final = error instanceof ClientError && error.answered && error.problem.status < 500;
      const limitMs = options.giveUpAfterMs ?? giveUpAfterMsUsual;
      if ((final && error.code !== 'too-many-requests') || Date.now() - answeredAt > limitMs) {
        throw error;
      }
    } finally {
      hangUp.abort();
    }
    await pause(Math.min(tried++, 4), options.signal);
  }
}

async function* readEvents(
  body: ReadableStream<Uint8Array>,
  hangUp: AbortController,
): AsyncGenerator<ServerEvent, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let fields: { event?: string; data: string[]; id?: string } = { data: [] };
  while (true) {
    const timer = setTimeout(() => hangUp.abort(new Error('silent')), silenceMsMax);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') {
        readField(line, fields);
        continue;
      }
      if (fields.data.length > 0) {
        const event = fields.event ?? 'message';
        yield {
          event,
          data: parse(fields.data.join('\n')),
          ...(fields.id ? { id: fields.id } : {}),
        };
      }
      fields = { data: [] };
    }
  }
}

function readField(line: string, fields: { event?: string; data: string[]; id?: string }): void {
  const colon = line.indexOf(':');
  const name = colon === -1 ? line : line.slice(0, colon);
  const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'data') fields.data.push(value);
  else if (name === 'event') fields.event = value;
  else if (name === 'id') fields.id = value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
