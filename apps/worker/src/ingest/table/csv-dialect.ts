import { scanRecord } from './csv-record.ts';

const candidates = [',', '\t', ';', '|'].map((char) => char.charCodeAt(0));
const sampleRecordsMax = 200;

/**
 * The delimiter that cuts most of the first records into the same number of fields, more than one.
 * Where none does, the file has one column.
 */
export function detectDelimiter(sample: Buffer, isWhole: boolean): number {
  let best = { delimiter: candidates[0] as number, score: 0 };
  for (const delimiter of candidates) {
    const counts = new Map<number, number>();
    let records = 0;
    for (let at = 0; at < sample.length && records < sampleRecordsMax; ) {
      const record = scanRecord(sample, at, sample.length, delimiter, isWhole);
      if (record.end === undefined) break;
      at = record.end;
      if (record.blank) continue;
      records += 1;
      if (record.problem === undefined)
        counts.set(record.fields, (counts.get(record.fields) ?? 0) + 1);
    }
    for (const [fields, count] of counts) {
      // Agreement comes first; among delimiters that agree as well, the one with more fields.
      const score = fields > 1 ? (count / records) * 1000 + Math.min(fields, 500) : 0;
      if (score > best.score) best = { delimiter, score };
    }
  }
  return best.delimiter;
}

/** A first row with a number in it is data: columns are not called 3.14. Years are let pass. */
export function looksLikeHeader(first: readonly string[], second: readonly string[] | undefined) {
  const numeric = first.filter((cell) => isNumber(cell)).length;
  if (numeric === 0) return first.some((cell) => cell.trim() !== '');
  const years = first.every((cell) => !isNumber(cell) || /^\s*(1[89]|20)\d\d\s*$/.test(cell));
  const namesRows = first.some((cell) => cell.trim() !== '' && !isNumber(cell));
  const secondTexts = second?.filter((cell) => cell.trim() !== '' && !isNumber(cell)).length ?? 0;
  const firstTexts = first.filter((cell) => cell.trim() !== '' && !isNumber(cell)).length;
  return years && namesRows && firstTexts > secondTexts;
}

function isNumber(cell: string): boolean {
  return cell.trim() !== '' && Number.isFinite(Number(cell));
}
