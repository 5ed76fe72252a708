const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** A quoted field that runs on for longer has lost its closing quote. */
export const recordBytesMax = 1024 ** 2;

export type CsvProblem = 'quote-unclosed' | 'quote-trailing' | 'too-long';

export type CsvRecord = {
  /** Where the next record starts; undefined when more bytes are needed to tell. */
  end: number | undefined;
  /** Where the content ends, without the line end. */
  contentEnd: number;
  fields: number;
  /** Line ends passed, for line numbers. */
  lines: number;
  blank: boolean;
  /** A quote stands inside an unquoted field: legal to us, not to every reader. */
  looseQuote: boolean;
  /** With a problem, `end` is the start of the next line, so that one bad line costs one line. */
  problem?: CsvProblem;
};

/**
 * One record of RFC 4180 from `start`, where quotes may hold delimiters, doubled quotes and line
 * ends, and where a line ends in LF, CRLF or CR, mixed at will. A quote in the middle of an
 * unquoted field is a plain character. `isLast` says that no bytes follow `end` of the buffer.
 */
export function scanRecord(
  bytes: Uint8Array,
  start: number,
  limit: number,
  delimiter: number,
  isLast: boolean,
): CsvRecord {
  let fields = 1;
  let lines = 0;
  let looseQuote = false;
  let at = start;
  while (at < limit) {
    if (bytes[at] === quote) {
      const close = closingQuote(bytes, at + 1, limit, start);
      if (close.at === undefined) {
        const gaveUp = isLast || close.tooLong;
        return gaveUp ? broken(bytes, start, limit, 'quote-unclosed', isLast) : pending();
      }
      lines += close.lines;
      at = close.at + 1;
      if (at >= limit) break;
      const next = bytes[at];
      if (next !== delimiter && next !== lineFeed && next !== carriageReturn) {
        return broken(bytes, start, limit, 'quote-trailing', isLast);
      }
    }
    let byte = bytes[at];
    while (at < limit && byte !== delimiter && byte !== lineFeed && byte !== carriageReturn) {
      if (byte === quote) looseQuote = true;
      at += 1;
      byte = bytes[at];
    }
    if (at >= limit) break;
    if (byte === delimiter) {
      fields += 1;
      at += 1;
      continue;
    }
    if (byte === carriageReturn && at + 1 >= limit && !isLast) return pending();
    const width = byte === carriageReturn && bytes[at + 1] === lineFeed ? 2 : 1;
    return {
      end: at + width,
      contentEnd: at,
      fields,
      lines: lines + 1,
      blank: at === start,
      looseQuote,
    };
  }
  if (isLast) {
    const blank = limit === start;
    return { end: limit, contentEnd: limit, fields, lines: lines + 1, blank, looseQuote };
  }
  if (limit - start <= recordBytesMax) return pending();
  return broken(bytes, start, limit, 'too-long', isLast);
}

function pending(): CsvRecord {
  return { end: undefined, contentEnd: 0, fields: 0, lines: 0, blank: false, looseQuote: false };
}

function closingQuote(
  bytes: Uint8Array,
  from: number,
  limit: number,
  recordStart: number,
): { at: number | undefined; lines: number; tooLong: boolean } {
  let lines = 0;
  const stop = Math.min(limit, recordStart + recordBytesMax);
  for (let at = from; at < stop; at++) {
    const byte = bytes[at];
    if (byte === lineFeed) lines += 1;
    if (byte !== quote) continue;
    if (at + 1 < limit && bytes[at + 1] === quote) at += 1;
    else return { at, lines, tooLong: false };
  }
  return { at: undefined, lines, tooLong: stop < limit };
}

/** Gives up on the first line alone; what follows it is read afresh. */
function broken(
  bytes: Uint8Array,
  start: number,
  limit: number,
  problem: CsvProblem,
  isLast: boolean,
): CsvRecord {
  for (let at = start; at < limit; at++) {
    const byte = bytes[at];
    if (byte !== lineFeed && byte !== carriageReturn) continue;
    const width = byte === carriageReturn && bytes[at + 1] === lineFeed ? 2 : 1;
    return {
      end: at + width,
      contentEnd: at,
      fields: 0,
      lines: 1,
      blank: false,
      looseQuote: false,
      problem,
    };
  }
  if (!isLast && limit - start < 16 * recordBytesMax) return pending();
  return {
    end: limit,
    contentEnd: limit,
    fields: 0,
    lines: 1,
    blank: false,
    looseQuote: false,
    problem,
  };
}

/** The fields of a record as text, quotes taken off. */
export function recordFields(record: Buffer, delimiter: number): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (record[at] === quote) {
      const { at: close = record.length } = closingQuote(record, at + 1, record.length, at);
      fields.push(record.toString('utf8', at + 1, close).replaceAll('""', '"'));
      at = close + 1;
    } else {
      const next = record.indexOf(delimiter, at);
      const end = next === -1 ? record.length : next;
      fields.push(record.toString('utf8', at, end));
      at = end;
    }
    if (at >= record.length) return fields;
    at += 1;
    if (at === record.length) {
      fields.push('');
      return fields;
    }
  }
}
