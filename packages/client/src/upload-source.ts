/** Bytes of a known size that can be read in any place, so that parts can be sent side by side and again. */
export interface UploadSource {
  name: string;
  size: number;
  contentType?: string;
  /** Exactly `end - start` bytes. */
  read(start: number, end: number): Promise<Blob | Uint8Array<ArrayBuffer>>;
  /** The SHA-256 of the whole in hex, where it can be had without holding the whole. */
  sha256?(signal?: AbortSignal): Promise<string>;
  /** Content-MD5 of one part (base64), where the platform has MD5: stores refuse a part that was damaged. */
  md5?(part: Uint8Array): string;
}

/** A picked or dropped file of a page, or any Blob. */
export function blobSource(blob: Blob, name: string): UploadSource {
  return {
    name,
    size: blob.size,
    ...(blob.type === '' ? {} : { contentType: blob.type }),
    read: async (start, end) => blob.slice(start, end),
  };
}
