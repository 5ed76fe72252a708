import {
  CompleteMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ArrivedPart, CompletedUpload } from '../port.ts';

type PartWithChecksum = ArrivedPart & { checksum?: string };

export async function arrivedParts(
  client: S3Client,
  bucket: string,
  key: string,
  multipartId: string,
): Promise<PartWithChecksum[]> {
  const parts: PartWithChecksum[] = [];
  let marker: string | undefined;
  do {
    const page = await client.send(
      new ListPartsCommand({
        Bucket: bucket,
        Key: key,
        UploadId: multipartId,
        PartNumberMarker: marker,
      }),
    );
    for (const part of page.Parts ?? []) {
      parts.push({
        number: part.PartNumber ?? 0,
        size: part.Size ?? 0,
        etag: quoted(part.ETag ?? ''),
        checksum: part.ChecksumSHA256,
      });
    }
    marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return parts;
}

export async function completeUpload(
  client: S3Client,
  bucket: string,
  key: string,
  multipartId: string,
  parts: readonly { number: number; etag: string }[],
): Promise<CompletedUpload> {
  // An upload that was begun with checksums must be completed with them: the store knows them.
  const arrived = await arrivedParts(client, bucket, key, multipartId);
  const checksums = new Map(arrived.map((part) => [part.number, part.checksum]));
  await client.send(
    new CompleteMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      UploadId: multipartId,
      MultipartUpload: {
        Parts: parts.map(({ number, etag }) => ({
          PartNumber: number,
          ETag: quoted(etag),
          ChecksumSHA256: checksums.get(number),
        })),
      },
    }),
  );
  const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
  return { key, size: head.ContentLength ?? 0 };
}

export async function abandonedUploads(
  client: S3Client,
  bucket: string,
  before: Date,
): Promise<{ key: string; multipartId: string }[]> {
  const found: { key: string; multipartId: string }[] = [];
  let marker: { key?: string; id?: string } | undefined = {};
  while (marker !== undefined) {
    const page: {
      Uploads?: { Key?: string; UploadId?: string; Initiated?: Date }[];
      IsTruncated?: boolean;
      NextKeyMarker?: string;
      NextUploadIdMarker?: string;
    } = await client.send(
      new ListMultipartUploadsCommand({
        Bucket: bucket,
        KeyMarker: marker.key,
        UploadIdMarker: marker.id,
      }),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key && UploadId && Initiated && Initiated <= before) {
        found.push({ key: Key, multipartId: UploadId });
      }
    }
    marker = page.IsTruncated
      ? { key: page.NextKeyMarker, id: page.NextUploadIdMarker }
      : undefined;
  }
  return found;
}

function quoted(etag: string): string {
  return `"${etag.replace(/^"|"$/g, '')}"`;
}
