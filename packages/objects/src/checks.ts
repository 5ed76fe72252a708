import { ObjectStoreError } from './object-store-error.ts';
import { type ByteRange, multipartLimits, type PartRequest, type PutOptions } from './port.ts';

export function assertMatches(
  key: string,
  written: { size: number; sha256: string },
  expected: Pick<PutOptions, 'size' | 'sha256'>,
): void {
  if (expected.size !== undefined && expected.size !== written.size) {
    throw new ObjectStoreError(
      'size-mismatch',
      `${key} was to have ${expected.size} bytes, but ${written.size} came.`,
    );
  }
  if (expected.sha256 !== undefined && expected.sha256 !== written.sha256) {
    throw new ObjectStoreError(
      'checksum-mismatch',
      `${key} was to have the SHA-256 ${expected.sha256}, but it is ${written.sha256}.`,
    );
  }
}

export function assertPartRequest(part: PartRequest): void {
  const { partNumberMax, partBytesMax } = multipartLimits;
  const numberFits = Number.isInteger(part.number) && part.number >= 1;
  if (!numberFits || part.number > partNumberMax) {
    throw new ObjectStoreError(
      'part-invalid',
      `Part numbers go from 1 to ${partNumberMax}; ${part.number} is not one.`,
    );
  }
  if (!Number.isSafeInteger(part.size) || part.size < 0 || part.size > partBytesMax) {
    throw new ObjectStoreError(
      'part-invalid',
      `Part ${part.number} cannot have ${part.size} bytes: at most ${partBytesMax} fit in one.`,
    );
  }
  if (part.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(part.sha256)) {
    throw new ObjectStoreError(
      'part-invalid',
      `The SHA-256 of part ${part.number} must be 64 lower-case hexadecimal digits.`,
    );
  }
}

export function assertPartNumbers(parts: readonly { number: number }[]): void {
  const rising = parts.every(
    (part, index) => index === 0 || part.number > (parts[index - 1]?.number ?? 0),
  );
  if (parts.length > 0 && rising) return;
  throw new ObjectStoreError(
    'part-invalid',
    'An upload is completed with at least one part, in rising order of part numbers.',
  );
}

/** Offsets within an object of `size` bytes; `end` is inclusive, and -1 for an empty object. */
export function resolveRange(
  key: string,
  size: number,
  range: ByteRange | undefined,
): { start: number; end: number } {
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? size - 1, size - 1);
  const whole = range === undefined || (start === 0 && range.end === undefined);
  if (whole || (start >= 0 && start <= end)) return { start, end };
  throw new ObjectStoreError(
    'range-not-satisfiable',
    `Bytes ${start} to ${range.end ?? 'the end'} are outside ${key}, which has ${size} bytes.`,
  );
}
