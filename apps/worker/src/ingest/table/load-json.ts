import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';
import { tidyNames } from './column-names.ts';
import { type Duck, name, text } from './duck.ts';
import type { RawColumn } from './infer-columns.ts';
import { withinDepth } from './json-depth.ts';
import type { RawFile } from './raw-table.ts';
import type { TableFile } from './table-file.ts';
import { openText, readStart } from './text-source.ts';

const objectBytesMax = 16 * 1024 ** 2;

/** An array of objects, or objects one after the other, most often one a line. Ragged is fine. */
export async function loadJson(
  duck: Duck,
  file: TableFile,
  index: number,
  folder: string,
  rejections: Rejections,
): Promise<RawFile> {
  const path = join(folder, 'clean.json');
  const chunks = await openText(file.path, file.label, rejections);
  await pipeline(withinDepth(chunks, file.label), createWriteStream(path));
  const start = (await readStart(path, 4096)).toString('utf8').trimStart();
  const isArray = start.startsWith('[');
  let relation = readerOf(path, isArray ? 'array' : 'auto');
  let names: string[];
  try {
    names = await namesOf(duck, relation);
  } catch (error) {
    if (isArray) throw notJson(file, error);
    const lines = join(folder, 'lines.json');
    const kept = await keepWholeLines(path, lines, file.label, rejections);
    if (kept === 0) throw notJson(file, error);
    relation = readerOf(lines, 'newline_delimited');
    names = await namesOf(duck, relation);
  }
  const columns = await describe(duck, file, relation, names, rejections);
  // Parsed once and kept as text in columns, which the passes that follow read many times faster.
  const target = join(folder, `clean-${index}.parquet`);
  const select = names.map((column, c) => `to_json(${name(column)}) ->> '$' AS c${c}`).join(', ');
  await duck.run(
    `COPY (SELECT ${select} FROM ${relation}) TO ${text(target)} (FORMAT parquet, COMPRESSION lz4)`,
  );
  await rm(path, { force: true });
  const copied = `read_parquet(${text(target)})`;
  const [counted] = await duck.rows<{ n: number }>(`SELECT count(*) AS n FROM ${copied}`);
  const rows = counted?.n ?? 0;
  if (rows === 0) throw badData(`${file.label} holds no rows.`);
  return { file, relation: copied, rows, columns };
}

function notJson(file: TableFile, error: unknown): Error {
  return badData(`${file.label} is not valid JSON: ${sentence(error)}`);
}

function readerOf(path: string, format: 'array' | 'auto' | 'newline_delimited'): string {
  const options = [
    `format = '${format}'`,
    'maximum_depth = 1',
    'sample_size = -1',
    'convert_strings_to_integers = false',
    `maximum_object_size = ${objectBytesMax}`,
  ];
  return `read_json(${text(path)}, ${options.join(', ')})`;
}

async function namesOf(duck: Duck, relation: string): Promise<string[]> {
  const rows = await duck.rows<{ column_name: string }>(`DESCRIBE SELECT * FROM ${relation}`);
  return rows.map((row) => row.column_name);
}

async function describe(
  duck: Duck,
  file: TableFile,
  relation: string,
  names: readonly string[],
  rejections: Rejections,
): Promise<RawColumn[]> {
  const tidy = tidyNames(names, names.length, file.label, rejections);
  const kinds = names.flatMap((column, c) => {
    const kind = `json_type(to_json(${name(column)}))`;
    return [
      `count(*) FILTER (${kind} = 'VARCHAR') AS s${c}`,
      `count(*) FILTER (${kind} NOT IN ('VARCHAR', 'NULL')) AS o${c}`,
      `count(*) FILTER (${kind} IN ('OBJECT', 'ARRAY')) AS n${c}`,
    ];
  });
  const [row = {}] = await duck
    .rows<Record<string, number>>(`SELECT count(*) AS n, ${kinds.join(', ')} FROM ${relation}`)
    .catch((error: unknown) => {
      throw notJson(file, error);
    });
  if (row.n === 0) throw badData(`${file.label} holds no rows.`);
  if (names.length === 1 && names[0] === 'json') {
    throw badData(
      `${file.label} holds entries that are not objects. Write [{"column": value, ...}, ...] or one object a line.`,
    );
  }
  return names.map((column, c) => {
    if ((row[`n${c}`] ?? 0) > 0) {
      rejections.warn(`"${tidy[c]}" holds lists or objects: they were kept as JSON text.`);
    }
    const strings = (row[`s${c}`] ?? 0) > 0 && (row[`o${c}`] ?? 0) === 0;
    return { name: tidy[c] ?? column, sql: `c${c}`, strings };
  });
}

/** Copies the lines that are JSON objects; each other one is rejected by its number. */
async function keepWholeLines(
  path: string,
  target: string,
  label: string,
  rejections: Rejections,
): Promise<number> {
  let kept = 0;
  let line = 0;
  async function* whole() {
    for await (const text of createInterface({ input: createReadStream(path) })) {
      line += 1;
      if (text.trim() === '') continue;
      const reason = whyNotObject(text);
      if (reason === undefined) {
        kept += 1;
        yield `${text}\n`;
      } else {
        rejections.add(`${label}, line ${line}`, reason, text.slice(0, 200));
      }
    }
  }
  await pipeline(whole(), createWriteStream(target));
  return kept;
}

function whyNotObject(line: string): string | undefined {
  if (line.length > objectBytesMax) return 'The line is longer than 16 MiB';
  try {
    const value: unknown = JSON.parse(line);
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
    return isObject ? undefined : 'The line is not a JSON object';
  } catch {
    return 'The line is not valid JSON';
  }
}

/** The database's own words without its advice on its options. */
function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = ''] = message.split('\n');
  return `${first
    .replace(/^[\w ]*Error: /, '')
    .replace(/ in file "[^"]*"/, '')
    .slice(0, 300)}`;
}
