import { useEffect, useRef, useState } from 'react';

export type LiveState = 'connecting' | 'live' | 'reconnecting';

/**
 * One Server-Sent Events stream that comes back by itself. The browser resumes a cut stream with
 * Last-Event-ID; where it gives up (a server that answers an error while it restarts), this opens a
 * new one with growing pauses. A hidden page closes its stream, because browsers allow only six
 * connections to an origin over HTTP/1.1, and catches up when it is looked at again.
 */
class LiveStream {
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #listeners = new Set<() => void>();
  #address: string;
  #handlers: Record<string, (data: unknown) => void>;
  /** Called when the stream is open again after a gap, to read what was missed. */
  #onReopen: () => void;
  state: LiveState = 'connecting';

  constructor(
    address: string,
    handlers: Record<string, (data: unknown) => void>,
    onReopen: () => void,
  ) {
    this.#address = address;
    this.#handlers = handlers;
    this.#onReopen = onReopen;
  }

  start(): void {
    document.addEventListener('visibilitychange', this.#look);
    this.#open();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.#look);
    this.#close();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #look = (): void => {
    if (document.hidden) this.#close();
    else if (this.#source === undefined) this.#open();
  };

  #open(): void {
    const source = new EventSource(this.#address, { withCredentials: true });
    this.#source = source;
    source.onopen = () => {
      const gap = this.state !== 'connecting' || this.#failures > 0;
      this.#failures = 0;
      this.#set('live');
      if (gap) this.#onReopen();
    };
    source.onerror = () => {
      this.#set('reconnecting');
      if (source.readyState !== EventSource.CLOSED) return;
      this.#failures += 1;
      this.#retry = setTimeout(() => this.#open(), Math.min(500 * 2 ** this.#failures, 10_000));
    };
    for (const [name, handle] of Object.entries(this.#handlers)) {
      source.addEventListener(name, (event) => handle(parse((event as MessageEvent).data)));
    }
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
  }

  #set(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

/** Listens while the component is there; answers whether the stream is live. */
export function useLive(
  address: string | null,
  handlers: Record<string, (data: unknown) => void>,
  onReopen: () => void,
): LiveState {
  const [state, setState] = useState<LiveState>('connecting');
  const latest = useRef({ handlers, onReopen });
  latest.current = { handlers, onReopen };
  const names = Object.keys(handlers).join(' ');
  useEffect(() => {
    if (address === null) return;
    const through = Object.fromEntries(
      names
        .split(' ')
        .map((name) => [name, (data: unknown) => latest.current.handlers[name]?.(data)]),
    );
    const stream = new LiveStream(address, through, () => latest.current.onReopen());
    const stopListening = stream.subscribe(() => setState(stream.state));
    stream.start();
    return () => {
      stopListening();
      stream.stop();
    };
  }, [address, names]);
  return state;
}
