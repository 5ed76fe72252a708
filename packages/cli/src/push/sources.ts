import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { UploadSource } from '@vanda/client';
import { VandaError } from '@vanda/contracts';
import type { PackedFile, Segment, TarPlan } from './tar-plan.ts';

const md5 = (part: Uint8Array) => createHash('md5').update(part).digest('base64');

/** A file on the disk as it is. */
export function fileSource(path: string, size: number): UploadSource {
  return {
    name: basename(path),
    size,
    read: (start, end) => readRange({ name: path, path, size }, start, end),
    md5,
    async sha256(signal) {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Buffer);
      return hash.digest('hex');
    },
  };
}

/** A tar shard, made while it is read. */
export function tarSource(name: string, plan: TarPlan): UploadSource {
  return {
    name,
    size: plan.size,
    contentType: 'application/x-tar',
    read: (start, end) => readPlan(plan, start, end),
    md5,
    async sha256(signal) {
      const hash = createHash('sha256');
      for (const segment of plan.segments) {
        signal?.throwIfAborted();
        for await (const chunk of contentOf(segment)) hash.update(chunk);
      }
      return hash.digest('hex');
    },
  };
}

async function* contentOf(segment: Segment): AsyncGenerator<Uint8Array> {
  if ('bytes' in segment) yield segment.bytes;
  else yield* createReadStream(segment.file.path) as AsyncIterable<Buffer>;
}

async function readPlan(
  plan: TarPlan,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const result = new Uint8Array(end - start);
  for (let at = firstSegment(plan.segments, start); at < plan.segments.length; at++) {
    const segment = plan.segments[at];
    if (segment === undefined || segment.start >= end) break;
    const from = Math.max(0, start - segment.start);
    const to = Math.min(segment.end, end) - segment.start;
    const bytes =
      'bytes' in segment
        ? segment.bytes.subarray(from, to)
        : await readRange(segment.file, from, to);
    result.set(bytes, segment.start + from - start);
  }
  return result;
}

/** The one that holds the byte at `offset`: there may be hundreds of thousands. */
function firstSegment(segments: Segment[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.end ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readRange(
  file: PackedFile,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start);
  const handle = await open(file.path);
  try {
    const { size } = await handle.stat();
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (size !== file.size || filled !== bytes.length) {
      throw new VandaError(
        'bad-data',
        `${file.path} changed while it was sent: it had ${file.size} bytes and has ${size} now.`,
      );
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
