/** How one part's bytes reach its signed URL. Answers the status and the ETag; rejects where no answer came. */
export type PutPart = (
  url: string,
  bytes: Blob | Uint8Array<ArrayBuffer>,
  options: {
    headers: Record<string, string>;
    signal: AbortSignal;
    onSent: (bytes: number) => void;
  },
) => Promise<{ status: number; etag: string | null; text: string }>;

/** The part of XMLHttpRequest that is used here; it exists in pages only. */
interface Xhr {
  upload: { onprogress: ((event: { loaded: number }) => void) | null };
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  readonly status: number;
  readonly responseText: string;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  getResponseHeader(name: string): string | null;
  send(body: unknown): void;
  abort(): void;
}

/** Pages send by XMLHttpRequest, which alone tells how much of a body has left; everything else by fetch. */
export function usualPutPart(): PutPart {
  const page = globalThis as { XMLHttpRequest?: new () => Xhr };
  return page.XMLHttpRequest ? putByXhr(page.XMLHttpRequest) : putByFetch;
}

const putByFetch: PutPart = async (url, bytes, { headers, signal, onSent }) => {
  const response = await fetch(url, { method: 'PUT', body: bytes, headers, signal });
  const text = await response.text();
  if (response.ok) onSent(bytes instanceof Uint8Array ? bytes.byteLength : bytes.size);
  return { status: response.status, etag: response.headers.get('etag'), text };
};

function putByXhr(XMLHttpRequest: new () => Xhr): PutPart {
  return (url, bytes, { headers, signal, onSent }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const xhr = new XMLHttpRequest();
      const abort = () => xhr.abort();
      const settle = (finish: () => void) => () => {
        signal.removeEventListener('abort', abort);
        finish();
      };
      signal.addEventListener('abort', abort, { once: true });
      xhr.upload.onprogress = (event) => onSent(event.loaded);
      xhr.onload = settle(() =>
        resolve({
          status: xhr.status,
          etag: xhr.getResponseHeader('etag'),
          text: xhr.responseText,
        }),
      );
      xhr.onerror = settle(() => reject(new Error('The connection broke.')));
      xhr.onabort = settle(() => reject(signal.reason));
      xhr.open('PUT', url);
      for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
      xhr.send(bytes);
    });
}
