const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

/** What is said of bytes that no HDF5 file begins with, or that end too early. */
export const NO_HDF5 = 'is no HDF5 file, or one that is cut off';

/** The signature lies at the start, or behind a block of 512 bytes times a power of 2 (HDF5 format 3.0, II.A). */
export function beginsAsHdf5(bytes: Uint8Array): boolean {
  for (let at = 0; at + SIGNATURE.length <= bytes.length; at = Math.max(512, at * 2))
    if (SIGNATURE.equals(bytes.subarray(at, at + SIGNATURE.length))) return true;
  return false;
}
