import { z } from 'zod';

/**
 * The closed list of error codes. The HTTP status, the CLI's exit code and the retry decision follow from the code:
 * `retry` says whether the same request may succeed later without a change.
 */
export const errorCodes = {
  'invalid-request': { status: 400, title: 'The request is not valid', retry: false },
  'invalid-spec': { status: 400, title: 'The job spec is not valid', retry: false },
  'invalid-name': { status: 400, title: 'Not a valid name', retry: false },
  unauthenticated: { status: 401, title: 'Sign in or send an API key', retry: false },
  forbidden: { status: 403, title: 'Not allowed', retry: false },
  'not-found': { status: 404, title: 'Not found', retry: false },
  'method-not-allowed': { status: 405, title: 'Method not allowed', retry: false },
  conflict: { status: 409, title: 'In conflict with what is there', retry: false },
  'in-use': { status: 409, title: 'Still in use', retry: false },
  'illegal-state': { status: 409, title: 'Not possible in this state', retry: false },
  'name-taken': { status: 409, title: 'The name is taken', retry: false },
  'request-running': { status: 409, title: 'The original request still runs', retry: true },
  'payload-too-large': { status: 413, title: 'The request is too large', retry: false },
  'unsupported-media-type': { status: 415, title: 'Unsupported content type', retry: false },
  'idempotency-mismatch': {
    status: 422,
    title: 'Idempotency-Key used with another request',
    retry: false,
  },
  'checksum-mismatch': { status: 422, title: 'The bytes are not what was announced', retry: false },
  'upload-incomplete': { status: 422, title: 'The upload is not complete', retry: false },
  'too-many-requests': { status: 429, title: 'Too many requests', retry: true },
  internal: { status: 500, title: 'Something broke on our side', retry: true },
  unavailable: { status: 503, title: 'Not available now', retry: true },
  timeout: { status: 504, title: 'Took too long', retry: true },
  // Failures of jobs and ingests, never answered as HTTP statuses by themselves.
  'bad-data': { status: 422, title: 'The data cannot be used', retry: false },
  diverged: { status: 422, title: 'The loss diverged', retry: false },
  poisoned: { status: 422, title: 'The job kills its process', retry: false },
  'out-of-memory': { status: 422, title: 'Out of memory', retry: false },
  'worker-lost': { status: 503, title: 'The worker was lost', retry: true },
  'timed-out': { status: 504, title: 'The time limit was reached', retry: false },
} as const;

export type ErrorCode = keyof typeof errorCodes;
export const errorCode = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

export const fieldError = z.object({
  pointer: z.string().meta({ description: 'JSON pointer to the field, like /training/epochs' }),
  message: z.string(),
});
export type FieldError = z.infer<typeof fieldError>;

/** RFC 9457 problem details, as every management route answers errors. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string().optional(),
    code: errorCode,
    errors: z.array(fieldError).optional(),
    requestId: z.string().optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;

/** An error that a user may read: the detail is a sentence that says what was wrong, where, and what would be right. */
export class VandaError extends Error {
  readonly code: ErrorCode;
  readonly errors: FieldError[] | undefined;
  constructor(code: ErrorCode, detail: string, errors?: FieldError[], options?: ErrorOptions) {
    super(detail, options);
    this.name = 'VandaError';
    this.code = code;
    this.errors = errors;
  }
  get status(): number {
    return errorCodes[this.code].status;
  }
}

export function toProblem(error: VandaError, instance?: string, requestId?: string): Problem {
  return {
    type: `urn:vanda:problem:${error.code}`,
    title: errorCodes[error.code].title,
    status: error.status,
    detail: error.message,
    instance,
    code: error.code,
    errors: error.errors,
    requestId,
  };
}

/** Who is to blame for a failed attempt or ingest; decides about retries. */
export const failureKind = z.enum(['user', 'infra', 'timeout', 'preempted', 'quota']);
export type FailureKind = z.infer<typeof failureKind>;

export const failure = z
  .object({ kind: failureKind, code: errorCode, message: z.string() })
  .meta({ id: 'Failure' });
export type Failure = z.infer<typeof failure>;
