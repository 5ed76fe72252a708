import {
  type Operation,
  type OperationInput,
  type OperationReply,
  operations,
} from '@vanda/contracts';
import { type EventOptions, type ServerEvent, streamEvents } from './events.ts';
import { type CallInput, type CallOptions, type ClientOptions, Transport } from './transport.ts';

type AnyOperation = (typeof operations)[keyof typeof operations];
type Noun<Id extends string> = Id extends `${infer N}.${string}` ? N : never;
type Verb<Id extends string> = Id extends `${string}.${infer V}` ? V : never;
/** Nothing to say means that the argument can be left out. */
type Arguments<I, O> =
  Record<string, never> extends I ? [input?: I, options?: O] : [input: I, options?: O];
type Method<T extends Operation> = T['answers'] extends 'events'
  ? (
      ...args: Arguments<OperationInput<T>, EventOptions>
    ) => AsyncGenerator<ServerEvent, void, undefined>
  : T['answers'] extends 'redirect'
    ? (...args: Arguments<OperationInput<T>, CallOptions>) => Promise<Response>
    : (...args: Arguments<OperationInput<T>, CallOptions>) => Promise<OperationReply<T>>;
type OfNoun<N extends string> = Extract<AnyOperation, { id: `${N}.${string}` }>;

/**
 * `client.<noun>.<verb>({ params, query, body }, options)` for every operation of the contracts: `jobs.create`,
 * `datasets.list`, ... Streams (`jobs.events`) are async iterators; redirects (`models.download`) give the response.
 */
export type Client = {
  [N in Noun<AnyOperation['id']>]: {
    [T in OfNoun<N> as Verb<T['id']>]: Method<T>;
  };
} & {
  /** The address of an operation, for links and downloads in a page. */
  url(operation: Operation, input?: CallInput): string;
  readonly baseUrl: string;
};

type Nouns = Record<string, Record<string, (input?: CallInput, options?: object) => unknown>>;

export function createClient(options: ClientOptions = {}): Client {
  const transport = new Transport(options);
  const nouns: Nouns = {};
  for (const operation of Object.values(operations) as Operation[]) {
    const [noun = '', verb = ''] = operation.id.split('.');
    nouns[noun] ??= {};
    nouns[noun][verb] = method(transport, operation);
  }
  return {
    ...nouns,
    url: (operation: Operation, input: CallInput = {}) => transport.url(operation, input),
    baseUrl: transport.baseUrl,
  } as unknown as Client;
}

function method(transport: Transport, operation: Operation) {
  if (operation.answers === 'events') {
    return (input: CallInput = {}, options: EventOptions = {}) =>
      streamEvents(transport, transport.url(operation, input), options);
  }
  if (operation.answers === 'redirect') {
    return (input: CallInput = {}, options: CallOptions = {}) =>
      transport.call(operation, input, { timeoutMs: 2 ** 31 - 1, ...options });
  }
  return async (input: CallInput = {}, options: CallOptions = {}) =>
    transport.json(await transport.call(operation, input, options), options.signal);
}
