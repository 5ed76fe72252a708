import { expect, test } from 'vitest';
import { packTar } from './pack-tar.ts';

/** Reads names and contents back, pax records included. */
async function unpack(blob: Blob): Promise<Record<string, string>> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const text = (from: number, to: number) =>
    new TextDecoder().decode(bytes.slice(from, to)).replace(/\0.*$/s, '');
  const found: Record<string, string> = {};
  let longName: string | undefined;
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    const body = text(at + 512, at + 512 + size);
    if (text(at + 156, at + 157) === 'x') {
      longName = /path=(.*)\n/.exec(body)?.[1];
      expect(Number.parseInt(body, 10)).toBe(size);
    } else {
      found[longName ?? text(at, at + 100)] = body;
      longName = undefined;
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

const file = (path: string, content: string) => ({ path, file: new File([content], path) });

test('short, long and foreign names come back with their contents', async () => {
  const long = `${'ä folder/'.repeat(30)}ende 😀.png`;
  const [shard] = packTar([file('cats/1.png', 'one'), file(long, 'x'.repeat(700)), file('e', '')]);
  expect(await unpack(shard ?? new Blob())).toEqual({
    'cats/1.png': 'one',
    [long]: 'x'.repeat(700),
    e: '',
  });
});

test('a shard is closed before it grows past its bound', async () => {
  const shards = packTar([file('a', 'a'.repeat(600)), file('b', 'b'.repeat(600))], 1000);
  expect(await Promise.all(shards.map(unpack))).toEqual([
    { a: 'a'.repeat(600) },
    { b: 'b'.repeat(600) },
  ]);
});

test('nothing makes no shard', () => {
  expect(packTar([])).toEqual([]);
});
