import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import yauzl from 'yauzl';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';
import { UnfoldBudget } from './archive-limits.ts';
import { type Entry, isLitter, isUnsafePath, tidyPath } from './entry.ts';

const symlink = 0o120000;
const fileTypes = 0o170000;

/**
 * The files of a zip, each inflated when it is wanted, and never further than it said. Names are
 * read by us, since one bad name must cost one entry and not the archive.
 */
export async function zipEntries(
  file: string,
  label: string,
  packedBytes: number,
  rejections: Rejections,
): Promise<{ entries: Entry[]; close: () => void }> {
  const zip = await openZip(file, label);
  const budget = new UnfoldBudget(label, packedBytes);
  const entries: Entry[] = [];
  await new Promise<void>((resolve, reject) => {
    zip.on('error', (error: Error) =>
      reject(badData(`${label} is a damaged zip: ${error.message.replace(/\.+$/, '')}.`)),
    );
    zip.on('end', resolve);
    zip.on('entry', (entry: yauzl.Entry) => {
      try {
        budget.entry();
        const taken = take(zip, entry, label, rejections);
        if (taken !== undefined) {
          budget.bytes(entry.uncompressedSize);
          entries.push(taken);
        }
        zip.readEntry();
      } catch (error) {
        reject(error);
      }
    });
    zip.readEntry();
  }).catch((error: unknown) => {
    zip.close();
    throw error;
  });
  return { entries, close: () => zip.close() };
}

function openZip(file: string, label: string): Promise<yauzl.ZipFile> {
  const options = {
    lazyEntries: true,
    autoClose: false,
    decodeStrings: false,
    validateEntrySizes: true,
  };
  return new Promise((resolve, reject) => {
    yauzl.open(file, options, (error, zip) => {
      if (error)
        reject(badData(`${label} is a damaged zip: ${error.message.replace(/\.+$/, '')}.`));
      else resolve(zip);
    });
  });
}

function take(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  label: string,
  rejections: Rejections,
): Entry | undefined {
  const given = nameOf(entry);
  const path = tidyPath(given);
  const shown = `${label}: ${given}`;
  if (given.endsWith('/') || given.endsWith('\\') || isLitter(path)) return undefined;
  const mode = entry.externalFileAttributes >>> 16;
  const reason = isUnsafePath(given.replaceAll('\\', '/'))
    ? 'The path leads out of the archive'
    : (mode & fileTypes) === symlink
      ? 'It is a link: links in archives are not followed'
      : (entry.generalPurposeBitFlag & 1) !== 0
        ? 'It is encrypted: push the archive without a password'
        : entry.compressionMethod !== 0 && entry.compressionMethod !== 8
          ? 'It is compressed by a method other than deflate'
          : undefined;
  if (reason !== undefined) {
    rejections.add(shown, reason);
    return undefined;
  }
  const open = promisify(zip.openReadStream.bind(zip)) as (entry: yauzl.Entry) => Promise<Readable>;
  return {
    path,
    size: entry.uncompressedSize,
    read: (bytesMax) => whole(async () => firstBytes(await open(entry), bytesMax)),
    start: (bytes) => whole(async () => firstBytes(await open(entry), bytes)),
    copyTo: (target) => whole(async () => pipeline(await open(entry), createWriteStream(target))),
  };
}

/** What cannot be inflated, or is not as long as it says, is the fault of the archive. */
async function whole<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw badData('The file is damaged within its archive');
  }
}

async function firstBytes(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= bytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, bytesMax);
}

/** Bit 11 says UTF-8; without it most writers of today mean it nevertheless. */
function nameOf(entry: yauzl.Entry): string {
  const raw = entry.fileName as unknown as Buffer;
  const text = raw.toString('utf8');
  return text.includes('\ufffd') ? raw.toString('latin1') : text;
}
