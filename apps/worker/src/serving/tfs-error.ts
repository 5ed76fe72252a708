import { VandaError } from '@vanda/contracts';

/** An answer of TensorFlow Serving's dialect: a status and the sentence of `{"error": ...}`. */
export class TfsError extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;
  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.name = 'TfsError';
    this.status = status;
    this.headers = headers;
  }
}

export const invalidArgument = (message: string) => new TfsError(400, message);
export const servableNotFound = (request: string) =>
  new TfsError(404, `Servable not found for request: ${request}`);
/** Overload and start-up: worth asking again in a moment. */
export const unavailable = (message: string) => new TfsError(503, message, { 'retry-after': '1' });

/** What anything that was thrown means to the caller; null where it is our own fault and has to be logged. */
export function toTfsError(error: unknown): TfsError | null {
  if (error instanceof TfsError) return error;
  // Lists within lists within lists: what walks them runs out of stack, and the caller is to blame.
  if (error instanceof RangeError && error.message.startsWith('Maximum call stack')) {
    return invalidArgument('The request is nested too deeply.');
  }
  if (error instanceof VandaError && error.code !== 'internal') {
    // Codes of jobs (bad-data, diverged) carry 422, a status that this dialect does not know.
    const status = error.status === 422 ? 400 : error.status;
    return new TfsError(status, error.message);
  }
  return null;
}
