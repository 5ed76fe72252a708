import { badData } from '../bad-data.ts';

/** Deeper than what people write, and far from where a parser runs out of stack. */
const depthMax = 1000;

const [quote, backslash, lineFeed] = [0x22, 0x5c, 0x0a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Passes JSON on and counts how deep it is nested: the database's parser calls itself for each level, and a file of
 * nothing but brackets would end its process. A line end closes what a broken line left open, unless the whole file
 * is one list.
 *
 * @throws VandaError 'bad-data' where it is nested deeper than 1,000 levels.
 */
export async function* withinDepth(
  chunks: AsyncIterable<Buffer>,
  label: string,
): AsyncIterable<Buffer> {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let isList: boolean | undefined;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (isList === undefined && (byte ?? 0) > 0x20) isList = byte === openList;
      if (byte === lineFeed && isList === false) {
        depth = 0;
        inString = false;
        escaped = false;
      } else if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
      } else if (byte === quote) {
        inString = true;
      } else if (byte === openList || byte === openObject) {
        depth += 1;
        if (depth > depthMax) throw badData(`${label} is nested deeper than 1,000 levels.`);
      } else if (byte === closeList || byte === closeObject) {
        depth -= 1;
      }
    }
    yield chunk;
  }
}
