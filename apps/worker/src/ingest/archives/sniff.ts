import { detectEncoding } from '../table/text-source.ts';

export type Content =
  | 'empty'
  | 'picture'
  | 'idx'
  | 'parquet'
  | 'zip'
  | 'tar'
  | 'gzip'
  | 'json'
  | 'text'
  | 'binary';

export const sniffBytes = 4096;

/** What a file is by its first bytes; its name has no say. */
export function sniff(start: Buffer): Content {
  if (start.length === 0) return 'empty';
  if (isPicture(start)) return 'picture';
  if (start.toString('latin1', 0, 4) === 'PAR1') return 'parquet';
  if (start.toString('latin1', 0, 2) === 'PK' && (start[2] ?? 9) + 1 === start[3]) return 'zip';
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start.toString('latin1', 257, 262) === 'ustar') return 'tar';
  if (isIdx(start)) return 'idx';
  const encoding = detectEncoding(start);
  if (encoding === undefined) return 'binary';
  if (encoding.startsWith('utf-16')) return 'text';
  const text = start
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  // A CSV may begin with a brace, too, but not like this.
  if (/^\{\s*("|\})/.test(text) || /^\[\s*(\{|\[|\]|"|-?\d|null|true|false)/.test(text))
    return 'json';
  return 'text';
}

function isPicture(start: Buffer): boolean {
  const text = start.toString('latin1', 0, 12);
  return (
    text.startsWith('\xff\xd8\xff') ||
    text.startsWith('\x89PNG\r\n\x1a\n') ||
    /^GIF8[79]a/.test(text) ||
    (text.startsWith('RIFF') && text.slice(8) === 'WEBP')
  );
}

/** Two zeros, the type of unsigned bytes, one to four dimensions. */
function isIdx(start: Buffer): boolean {
  const dimensions = start[3] ?? 0;
  const isBytes = start[0] === 0 && start[1] === 0 && start[2] === 8;
  return isBytes && dimensions >= 1 && dimensions <= 4 && start.length >= 4 + 4 * dimensions;
}
