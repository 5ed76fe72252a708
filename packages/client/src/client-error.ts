import { type ErrorCode, errorCodes, type Problem, problem, VandaError } from '@vanda/contracts';

/** What a server refused, or why it could not be asked. `code` decides what to do, `message` is for a person. */
export class ClientError extends VandaError {
  readonly requestId: string | undefined;
  /** The problem object of the answer, or one made from what is known. */
  readonly problem: Problem;
  /** False where no answer came: nobody listens, the connection broke, it took too long. */
  readonly answered: boolean;
  constructor(given: Problem, answered: boolean, options?: ErrorOptions) {
    super(given.code, given.detail, given.errors, options);
    this.name = 'ClientError';
    this.requestId = given.requestId;
    this.problem = given;
    this.answered = answered;
  }
}

/** A network failure as a sentence: which address, and what became of the connection. */
export function unreachable(baseUrl: string, cause: unknown): ClientError {
  const where = baseUrl === '' ? 'the server' : baseUrl;
  const code = causeCode(cause);
  const sentence =
    code === 'ECONNREFUSED'
      ? `Nothing answers at ${where}: the connection was refused.`
      : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
        ? `There is no host by the name in ${where}.`
        : `The connection to ${where} broke${code === undefined ? '' : ` (${code})`}.`;
  return made('unavailable', sentence, cause);
}

export function tooSlow(baseUrl: string, timeoutMs: number): ClientError {
  const where = baseUrl === '' ? 'The server' : baseUrl;
  return made('timeout', `${where} did not answer within ${Math.round(timeoutMs / 1000)} s.`);
}

/** The answer's own problem where it has one; proxies and other servers answer anything. */
export async function errorFromResponse(response: Response): Promise<ClientError> {
  const text = await response.text().catch(() => '');
  const parsed = problem.safeParse(parseJson(text));
  if (parsed.success) return new ClientError(parsed.data, true);
  const code = codeOfStatus(response.status);
  const said = text.trim().slice(0, 200);
  return new ClientError(
    {
      type: `urn:vanda:problem:${code}`,
      title: errorCodes[code].title,
      status: response.status,
      detail: `The server answered ${response.status}${said === '' ? '' : `: ${said}`}`,
      code,
      requestId: response.headers.get('x-request-id') ?? undefined,
    },
    true,
  );
}

function made(code: ErrorCode, detail: string, cause?: unknown): ClientError {
  const { status, title } = errorCodes[code];
  const type = `urn:vanda:problem:${code}`;
  return new ClientError({ type, title, status, detail, code }, false, { cause });
}

function codeOfStatus(status: number): ErrorCode {
  if (status >= 502) return status === 504 ? 'timeout' : 'unavailable';
  if (status >= 500) return 'internal';
  const codes = Object.entries(errorCodes) as [ErrorCode, { status: number }][];
  return codes.find(([, entry]) => entry.status === status)?.[0] ?? 'invalid-request';
}

function causeCode(error: unknown): string | undefined {
  for (let at = error as { code?: unknown; cause?: unknown } | undefined, depth = 0; at; depth++) {
    if (typeof at.code === 'string') return at.code;
    if (depth === 4) return undefined;
    at = at.cause as typeof at;
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
