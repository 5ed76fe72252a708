import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Authenticator, type Caller, mayAsk } from './authenticate.ts';
import type { JobTrials } from './job-trials.ts';
import { predictInTime } from './predict-in-time.ts';
import { BodyReader } from './read-body.ts';
import { choose, type Served, type ServedEndpoints } from './served-endpoints.ts';
import type { ServingMetrics } from './serving-metrics.ts';
import {
  invalidArgument,
  servableNotFound,
  TfsError,
  toTfsError,
  unavailable,
} from './tfs-error.ts';
import { stringifyTfsJson } from './tfs-json.ts';
import { toMetadata, toStatus } from './tfs-metadata.ts';
import { describe, type ModelAddress, type Route, readRoute } from './tfs-route.ts';

export interface InferenceParts {
  endpoints: ServedEndpoints;
  trials: JobTrials;
  authenticator: Authenticator;
  metrics: ServingMetrics;
  /** Of our own faults, which the caller is told nothing about. */
  logError: (error: unknown, sentence: string) => void;
}

/** TensorFlow Serving's REST over HTTP. Every failure is `{"error": sentence}`. */
export class InferenceServer {
  private readonly parts: InferenceParts;
  private readonly server: Server;
  private readonly bodies = new BodyReader();
  private draining = false;

  constructor(parts: InferenceParts) {
    this.parts = parts;
    const handle = (request: IncomingMessage, response: ServerResponse) =>
      void this.handle(request, response);
    this.server = createServer(
      { requestTimeout: 120_000, headersTimeout: 20_000, keepAliveTimeout: 65_000 },
      handle,
    );
    // curl asks before it sends a large body; the answer may then come without one byte of it.
    this.server.on('checkContinue', (request, response) => {
      request.once('newListener', (event) => event === 'data' && response.writeContinue());
      handle(request, response);
    });
    this.server.on('clientError', (_, socket) => {
      if (!socket.writable) return void socket.destroy();
      const body = '{"error":"This is not HTTP that the server understands."}';
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    });
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    return this.server.address() as AddressInfo;
  }

  /** Takes nothing new, lets what is under way finish, and ends after `graceMs` at the latest. */
  async close(graceMs: number): Promise<void> {
    this.draining = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // A connection that was kept alive falls idle with its last answer.
    const sweep = setInterval(() => this.server.closeIdleConnections(), 50);
    const timer = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(timer);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const route = readRoute(request.method ?? '', request.url ?? '');
    if (this.draining) response.setHeader('connection', 'close');
    let status = 200;
    try {
      const { type, body } = await this.answer(route, request, response);
      send(request, response, 200, body, { 'content-type': type });
    } catch (error) {
      const told = toTfsError(error);
      if (told === null) this.parts.logError(error, 'A prediction failed by our own fault.');
      const failure = told ?? new TfsError(500, 'Something broke in the inference server.');
      status = failure.status;
      const body = stringifyTfsJson({ error: failure.message });
      send(request, response, status, body, {
        'content-type': 'application/json',
        ...failure.headers,
      });
      // A body that was refused unread still has to be taken off the wire.
      request.resume();
    }
    if (route.kind === 'infer') this.count(route, status, performance.now() - startedAt);
  }

  private async answer(
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ type: string; body: string }> {
    const json = (value: unknown) => ({ type: 'application/json', body: stringifyTfsJson(value) });
    if (route.kind === 'alive') return json({ status: 'alive' });
    const caller = await this.parts.authenticator.caller(request.headers.authorization);
    if (route.kind === 'metrics') {
      const { registry } = this.parts.metrics;
      return { type: registry.contentType, body: await registry.metrics() };
    }
    if (route.kind === 'malformed') {
      throw invalidArgument(`Malformed request: ${request.method} ${request.url?.slice(0, 500)}`);
    }
    if (route.kind === 'try')
      return json(await this.tryJob(route.jobId, caller, request, response));
    const served = this.find(route, caller);
    if (route.kind === 'status') return json(status(route, served));
    if (route.kind === 'metadata') {
      const { version, loaded } = ready(route, served);
      return json(toMetadata(route.name, version, loaded.predictor.signature));
    }
    ready(route, served);
    return this.bodies.use(request, async (body) => {
      // Looked up again: while the body came in, another version may have taken over.
      const { loaded } = ready(route, this.find(route, caller));
      return json(await loaded.use(() => predictInTime(loaded, route.verb, body, response)));
    });
  }

  /** What a job has to try now. Another project's job is not there. */
  private tryJob(
    jobId: string,
    caller: Caller,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<unknown> {
    if (!mayAsk(caller, `job/${jobId}`)) throw new TfsError(404, `There is no job ${jobId}.`);
    return this.bodies.use(request, (body) =>
      this.parts.trials.use(caller.projectId, jobId, (loaded) =>
        predictInTime(loaded, 'predict', body, response),
      ),
    );
  }

  /** Another project's endpoint is not there, in the same words as one that is not. */
  private find(route: ModelAddress, caller: Caller): Served {
    if (route.name === '') throw invalidArgument('Missing model name in request.');
    const { endpoints } = this.parts;
    if (!endpoints.areKnown) throw unavailable('What to serve is not known yet. Try again soon.');
    const served = endpoints.find(route.name);
    const mine = served?.target.projectId === caller.projectId;
    if (!served || !mine || !mayAsk(caller, `endpoint/${route.name}`)) {
      throw servableNotFound(describe(route));
    }
    if (route.label !== undefined) throw servableNotFound(describe(route));
    return served;
  }

  private count(route: { name: string; verb: string }, status: number, ms: number): void {
    const served = this.parts.endpoints.find(route.name);
    // Made-up names must not become new time series, nor refused strangers an endpoint's errors.
    if (served === undefined || status === 401 || status === 404) return;
    served.meter.count(ms, status >= 400);
    this.parts.metrics.request(route.name, route.verb, status, ms);
  }
}

function ready(route: ModelAddress, served: Served) {
  if (served.serving.length === 0) {
    throw unavailable(
      served.state === 'failed'
        ? `The endpoint ${route.name} could not be loaded: ${served.error}`
        : `The endpoint ${route.name} is still loading. Try again in a moment.`,
    );
  }
  const chosen = choose(served, route.version);
  if (chosen === undefined) throw servableNotFound(describe(route));
  return chosen;
}

function status(route: ModelAddress, served: Served): unknown {
  const versions = served.serving.map(({ version }) => ({
    version,
    state: 'AVAILABLE' as const,
    error: null,
  }));
  const coming = served.target.versions
    .filter(({ version }) => !versions.some((each) => each.version === version))
    .map(({ version }) => ({
      version,
      state: served.state === 'failed' ? ('END' as const) : ('LOADING' as const),
      error: served.error,
    }));
  const all = [...versions, ...coming].sort((a, b) => b.version - a.version);
  const asked = all.filter(({ version }) => (route.version ?? version) === version);
  if (asked.length === 0) {
    throw new TfsError(404, `Could not find version ${route.version} of model ${route.name}`);
  }
  return toStatus(asked);
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  statusCode: number,
  body: string,
  headers: Record<string, string>,
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(statusCode, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}
