import type { ApiUnderTest } from './api-under-test.fixture.ts';

export interface SentEvent {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

/** Follows a stream of the API until `enough`, as a browser would; gives up after some seconds. */
export async function readEvents(
  api: ApiUnderTest,
  path: string,
  enough: (events: SentEvent[]) => boolean,
  headers: Record<string, string> = {},
): Promise<SentEvent[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error('The events did not come in time.')), 8000);
  const response = await fetch(`${api.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${api.apiKey}`, ...headers },
    signal: stop.signal,
  });
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    throw new Error(`Not a stream: ${response.status} ${await response.text()}`);
  }
  const events: SentEvent[] = [];
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => {
          const at = line.indexOf(': ');
          return [line.slice(0, at), line.slice(at + 2)] as const;
        }),
      );
      const data = fields.get('data');
      if (data === undefined) continue;
      const event = fields.get('event') ?? '';
      events.push({ id: fields.get('id') ?? '', event, data: JSON.parse(data) });
    }
    if (enough(events)) break;
  }
  clearTimeout(timer);
  stop.abort();
  return events;
}
