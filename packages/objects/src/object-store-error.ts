export type ObjectStoreErrorCode =
  | 'object-not-found'
  | 'multipart-not-found'
  | 'range-not-satisfiable'
  | 'checksum-mismatch'
  | 'size-mismatch'
  | 'part-invalid'
  | 'key-invalid'
  | 'signature-invalid'
  | 'signature-expired'
  | 'store-unavailable'
  | 'store-full'
  | 'store-misconfigured';

/** The sentence names what was wrong, where, and what would be right. */
export class ObjectStoreError extends Error {
  readonly code: ObjectStoreErrorCode;
  constructor(code: ObjectStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ObjectStoreError';
    this.code = code;
  }
}

export function isObjectStoreError(
  error: unknown,
  code?: ObjectStoreErrorCode,
): error is ObjectStoreError {
  return error instanceof ObjectStoreError && (code === undefined || error.code === code);
}
