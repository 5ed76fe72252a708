import { join } from 'node:path';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';
import { tidyNames } from './column-names.ts';
import { cleanCsv } from './csv-cleaner.ts';
import { text } from './duck.ts';
import type { RawFile } from './raw-table.ts';
import type { TableFile } from './table-file.ts';
import { openText } from './text-source.ts';

/** A cleaned copy of the file, and how to read it as text. */
export async function loadCsv(
  file: TableFile,
  index: number,
  folder: string,
  rejections: Rejections,
  signal?: AbortSignal,
): Promise<RawFile> {
  const clean = join(folder, `clean-${index}.csv`);
  const before = rejections.count;
  const source = await openText(file.path, file.label, rejections);
  const csv = await cleanCsv(source, clean, file.label, rejections, signal);
  const names = tidyNames(csv.header, csv.width, file.label, rejections);
  if (csv.rows === 0) {
    throw badData(
      rejections.count > before
        ? `${file.label} has no whole row. ${rejections.mainReason()}.`
        : `${file.label} has a header and no rows.`,
    );
  }
  const columns = names.map((_, index) => `'c${index}': 'VARCHAR'`).join(', ');
  const options = [
    'auto_detect = false',
    'header = false',
    `delim = ${text(String.fromCharCode(csv.delimiter))}`,
    `quote = '"'`,
    `escape = '"'`,
    `new_line = '\\n'`,
    `max_line_size = ${2 * 1024 ** 2}`,
    // Cut in two within a quoted line end, a file would be read wrongly.
    `parallel = ${!csv.multiline}`,
    `columns = {${columns}}`,
  ];
  return {
    file,
    relation: `read_csv(${text(clean)}, ${options.join(', ')})`,
    rows: csv.rows,
    columns: names.map((name, index) => ({ name, sql: `c${index}`, strings: false })),
  };
}
