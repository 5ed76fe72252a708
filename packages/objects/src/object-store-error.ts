import { type ErrorCode, VandaError } from '@vanda/contracts';

/** What went wrong in the store's own terms; the code that clients see follows from it. */
const codeOf = {
  'object-not-found': 'not-found',
  'multipart-not-found': 'not-found',
  'range-not-satisfiable': 'invalid-request',
  'checksum-mismatch': 'checksum-mismatch',
  'size-mismatch': 'checksum-mismatch',
  'part-invalid': 'upload-incomplete',
  'key-invalid': 'invalid-request',
  'signature-invalid': 'forbidden',
  'signature-expired': 'forbidden',
  'store-unavailable': 'unavailable',
  'store-full': 'unavailable',
  'store-misconfigured': 'internal',
} as const satisfies Record<string, ErrorCode>;

export type ObjectStoreReason = keyof typeof codeOf;

/** The sentence names what was wrong, where, and what would be right. */
export class ObjectStoreError extends VandaError {
  readonly reason: ObjectStoreReason;
  constructor(reason: ObjectStoreReason, message: string, options?: ErrorOptions) {
    super(codeOf[reason], message, undefined, options);
    this.name = 'ObjectStoreError';
    this.reason = reason;
  }
}

export function isObjectStoreError(
  error: unknown,
  reason?: ObjectStoreReason,
): error is ObjectStoreError {
  return error instanceof ObjectStoreError && (reason === undefined || error.reason === reason);
}
