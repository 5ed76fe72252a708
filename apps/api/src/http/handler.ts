import type {
  Operation,
  OperationName,
  OperationReply,
  OperationRequest,
  operations,
} from '@vanda/contracts';
import type { Tx } from '@vanda/records';
import type { Deps } from '../deps.ts';
import type { EventStream } from './event-stream.ts';

/** Who asks: a key of a project, or a person with a session. */
export interface Actor {
  projectId: string;
  role: 'owner' | 'member' | 'key';
  /** As the ledger and the history name them. */
  name: string;
  user: { id: string; name: string; email: string } | null;
  key: { id: string; name: string } | null;
}

/** What a handler gets: the parsed request, who asks, and what the process has. */
export interface HandlerCall<T extends Operation = Operation> extends OperationRequest<T> {
  actor: Actor;
  deps: Deps;
  /**
   * The one transaction of a create. With an Idempotency-Key the answer is stored in it: either both are there or
   * neither, whenever the process dies.
   */
  once<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
  /** Aborted when the caller hangs up or the server stops. */
  signal: AbortSignal;
}

/** One function an operation. `redirect` answers the address, `events` writes into the stream until it is done. */
export type Handler<T extends Operation> = T extends { answers: 'events' }
  ? (call: HandlerCall<T>, stream: EventStream) => Promise<void>
  : T extends { answers: 'redirect' }
    ? (call: HandlerCall<T>) => Promise<string>
    : (call: HandlerCall<T>) => Promise<OperationReply<T>>;

export type Handlers = { [N in OperationName]: Handler<(typeof operations)[N]> };
