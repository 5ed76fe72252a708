import type { ImagesProfile } from '@vanda/contracts';
import {
  decodePicture,
  inspectPicture,
  type PictureFacts,
  pixelsMax,
} from '@vanda/estimators/pictures';
import type { Entry } from '../archives/entry.ts';
import { badData } from '../bad-data.ts';
import type { ContentSink } from '../content-sink.ts';
import type { Rejections } from '../rejections.ts';
import { type Placed, placePictures } from './picture-paths.ts';
import { PictureTally } from './picture-tally.ts';
import { ShardWriter } from './shard-writer.ts';

const pictureBytesMax = 100 * 1024 ** 2;
const labelCharsMax = 1024;
/** Decoded at the same time; each may hold the largest picture that is let in for a moment. */
const ahead = 4;
const splitOrder = ['train', 'validation', 'test', undefined];

export type ImagesIngest = {
  entries: readonly Entry[];
  folder: string;
  sink: ContentSink;
  rejections: Rejections;
  onProgress: (percent: number, note: string) => void;
  signal?: AbortSignal;
};

type Candidate = Placed & { entry: Entry };
type Checked = { bytes: Buffer; facts: PictureFacts } | { reason: string; detail?: string };

/** Pictures in one folder a label: each is decoded once, so that no training meets a broken one. */
export async function ingestPictures(task: ImagesIngest): Promise<ImagesProfile> {
  const { rejections, sink, folder, onProgress, signal } = task;
  const candidates = placed(task.entries, rejections);
  const shards = new ShardWriter(folder, sink);
  const tally = new PictureTally(new Set(candidates.map(({ label }) => label)).size);
  const running: Promise<Checked>[] = [];
  for (const [index, candidate] of candidates.entries()) {
    signal?.throwIfAborted();
    while (running.length < ahead && index + running.length < candidates.length) {
      running.push(check((candidates[index + running.length] as Candidate).entry));
    }
    const checked = (await running.shift()) as Checked;
    const { entry, label, split, name } = candidate;
    if ('reason' in checked) {
      rejections.add(entry.path, checked.reason, checked.detail);
    } else {
      const { bytes, facts } = checked;
      const extension = facts.format === 'jpeg' ? 'jpg' : facts.format;
      await shards.add({ bytes, extension, label, split, name });
      await tally.add({ label, split, name, ...facts }, bytes);
    }
    if (index % 64 === 0) {
      onProgress(5 + Math.floor((85 * index) / candidates.length), 'Checking pictures');
    }
  }
  const files = await shards.end();
  if (shards.items === 0) {
    throw badData(`No picture could be taken. ${rejections.mainReason() ?? ''}`.trim());
  }
  if (tally.labels === 1) {
    rejections.warn('All pictures have the same label: there is nothing to tell apart.');
  }
  onProgress(92, 'Storing');
  const preview = tally.preview();
  return tally.profile(files, await sink.json(preview, preview.pictures.length));
}

/** In an order that does not depend on how the pictures were packed: split, then path. */
function placed(entries: readonly Entry[], rejections: Rejections): Candidate[] {
  const places = placePictures(entries.map(({ path }) => path));
  const candidates: Candidate[] = [];
  const taken = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const place = places[index];
    const reason = taken.has(entry.path)
      ? 'Another file of this push has the same path'
      : place === undefined
        ? 'It has no label: pictures lie in a folder that is called as their label'
        : place.label.length > labelCharsMax
          ? `Its label is longer than ${labelCharsMax} characters`
          : undefined;
    if (reason !== undefined || place === undefined) rejections.add(entry.path, reason ?? '');
    else candidates.push({ ...place, entry });
    taken.add(entry.path);
  }
  return candidates.sort(
    (a, b) =>
      splitOrder.indexOf(a.split) - splitOrder.indexOf(b.split) || (a.name < b.name ? -1 : 1),
  );
}

/** What a PNG's header claims is believed even where nothing follows it that could be decoded. */
function claimedPixels(bytes: Buffer): number {
  const isPng = bytes.length >= 24 && bytes.toString('latin1', 12, 16) === 'IHDR';
  return isPng ? bytes.readUInt32BE(16) * bytes.readUInt32BE(20) : 0;
}

async function check(entry: Entry): Promise<Checked> {
  if (entry.size > pictureBytesMax) return { reason: 'The file is larger than 100 MiB' };
  if (entry.size === 0) return { reason: 'The file is empty' };
  try {
    const bytes = await entry.read(pictureBytesMax);
    if (claimedPixels(bytes) > pixelsMax) {
      return { reason: `The picture has more than ${Math.floor(pixelsMax / 1e6)} million pixels.` };
    }
    const facts = await inspectPicture(bytes);
    await decodePicture(bytes, { size: 32, channels: 3 });
    return { bytes, facts };
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    // The decoder's own words differ from picture to picture; the reason before them does not.
    const [, reason = sentence, detail] =
      /^(The picture cannot be decoded): (.*)$/.exec(sentence) ?? [];
    return { reason, detail };
  }
}
