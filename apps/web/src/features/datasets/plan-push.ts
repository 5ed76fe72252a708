import { NAME_PATTERN } from '@vanda/contracts';
import type { DroppedFile } from '../../ui/dropped-files.ts';
import { packTar } from './pack-tar.ts';

/** One upload of a push. */
export interface PushBlob {
  filename: string;
  blob: Blob;
}

const picture = /\.(png|jpe?g|webp|gif)$/i;
const hidden = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$)/;

/** What of the dropped files is sent, and how: folders of pictures as tar shards, everything else file by file. */
export function planPush(files: DroppedFile[]): PushBlob[] {
  const kept = files.filter((file) => !hidden.test(file.path));
  const inFolders = kept.some((file) => file.path.includes('/'));
  if (!inFolders || !kept.some((file) => picture.test(file.path))) {
    return kept.map(({ file }) => ({ filename: file.name, blob: file }));
  }
  const shards = packTar(withoutCommonTop(kept));
  return shards.map((blob, index) => ({
    filename: `folder-${String(index).padStart(5, '0')}.tar`,
    blob,
  }));
}

/** Takes the folder away that everything lies in, as long as the folders of the labels remain. */
function withoutCommonTop(files: DroppedFile[]): DroppedFile[] {
  const top = files[0]?.path.split('/')[0];
  const common = files.every((file) => file.path.startsWith(`${top}/`));
  const deeper = files.some((file) => file.path.split('/').length > 2);
  if (!common || !deeper || top === undefined) return files;
  return withoutCommonTop(
    files.map((file) => ({ ...file, path: file.path.slice(top.length + 1) })),
  );
}

/** A name that follows the rule, from what was dropped; empty when nothing of it is left. */
export function nameFor(files: DroppedFile[]): string {
  const first = files[0];
  if (first === undefined) return '';
  if (files.some((file) => /idx[13]-ubyte/.test(file.path))) return 'digits';
  const top = first.path.includes('/') ? (first.path.split('/')[0] ?? '') : first.path;
  const name = top
    .replace(/(\.(csv|tsv|jsonl?|ndjson|parquet|zip|tar|gz|png|jpe?g))+$/i, '')
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return NAME_PATTERN.test(name) ? name : '';
}
