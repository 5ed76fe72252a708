import { createHmac, timingSafeEqual } from 'node:crypto';
import { ObjectStoreError } from '../object-store-error.ts';

/** What a signed URL allows. Every field is inside the signature; nothing else is believed. */
export type Grant =
  | {
      op: 'part';
      key: string;
      multipartId: string;
      number: number;
      size: number;
      sha256?: string;
      expiresAtS: number;
    }
  | { op: 'get'; key: string; filename?: string; contentType?: string; expiresAtS: number };

export const objectRoutePrefix = '/objects/';

export function signGrant(grant: Grant, secret: string, publicUrl: string): string {
  const query = grantQuery(grant);
  query.set('signature', digest(grant.key, query, secret).toString('hex'));
  return `${publicUrl.replace(/\/+$/, '')}${objectRoutePrefix}${grant.key}?${query}`;
}

/** Throws `signature-invalid` (whatever was wrong, so as to teach nothing) or `signature-expired`. */
export function verifyGrant(key: string, query: URLSearchParams, secret: string): Grant {
  const given = Buffer.from(query.get('signature') ?? '', 'hex');
  const signed = new URLSearchParams(query);
  signed.delete('signature');
  const expected = digest(key, signed, secret);
  if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) {
    throw new ObjectStoreError(
      'signature-invalid',
      'The signature of this URL does not match. Use the URL exactly as it was given.',
    );
  }
  const grant = readGrant(key, signed);
  if (grant.expiresAtS * 1000 < Date.now()) {
    throw new ObjectStoreError(
      'signature-expired',
      `This URL expired at ${new Date(grant.expiresAtS * 1000).toISOString()}. Ask for a new one.`,
    );
  }
  return grant;
}

function grantQuery(grant: Grant): URLSearchParams {
  const query = new URLSearchParams({ op: grant.op, expires: String(grant.expiresAtS) });
  if (grant.op === 'part') {
    query.set('upload', grant.multipartId);
    query.set('part', String(grant.number));
    query.set('size', String(grant.size));
    if (grant.sha256 !== undefined) query.set('sha256', grant.sha256);
  } else {
    if (grant.filename !== undefined) query.set('filename', grant.filename);
    if (grant.contentType !== undefined) query.set('type', grant.contentType);
  }
  return query;
}

/** Only called on a query whose signature holds, so its fields are the ones written above. */
function readGrant(key: string, query: URLSearchParams): Grant {
  const expiresAtS = Number(query.get('expires'));
  if (query.get('op') === 'part') {
    return {
      op: 'part',
      key,
      multipartId: query.get('upload') ?? '',
      number: Number(query.get('part')),
      size: Number(query.get('size')),
      sha256: query.get('sha256') ?? undefined,
      expiresAtS,
    };
  }
  return {
    op: 'get',
    key,
    filename: query.get('filename') ?? undefined,
    contentType: query.get('type') ?? undefined,
    expiresAtS,
  };
}

function digest(key: string, query: URLSearchParams, secret: string): Buffer {
  const sorted = new URLSearchParams(query);
  sorted.sort();
  return createHmac('sha256', secret).update(`${key}\n${sorted}`).digest();
}
