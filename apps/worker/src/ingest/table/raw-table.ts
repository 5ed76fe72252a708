import type { Rejections } from '../rejections.ts';
import { type Duck, name, text } from './duck.ts';
import type { RawColumn } from './infer-columns.ts';
import type { TableFile } from './table-file.ts';

/** The rows of one file as text: what each column is called, and how SQL gets at it. */
export type RawFile = { file: TableFile; relation: string; rows: number; columns: RawColumn[] };

/**
 * The rows of all files as text, as a view called `raw` with columns c0, c1, ...: nothing is
 * copied, the files are read again at each pass, which is faster than a table would be filled.
 */
export class RawTable {
  columns: RawColumn[] = [];
  rows = 0;
  readonly #selects: string[] = [];
  readonly #starts: { label: string; at: number }[] = [];

  /** A file with other columns than the first is left out as a whole. */
  add(raw: RawFile, rejections: Rejections): void {
    const { file, relation } = raw;
    const split = file.split ? [{ name: 'split', sql: text(file.split), strings: true }] : [];
    const given = [...raw.columns, ...split];
    const isFirst = this.columns.length === 0;
    if (isFirst) {
      this.columns = given.map(({ name, strings }, c) => ({ name, sql: `c${c}`, strings }));
    }
    const ordered = this.columns.map((column) => given.find(({ name }) => name === column.name));
    const lacking = this.columns.find((_, c) => ordered[c] === undefined);
    const extra = given.find(({ name }) => !this.columns.some((column) => column.name === name));
    if (lacking || extra) {
      const detail = lacking
        ? `it lacks the column "${lacking.name}"`
        : `it also has the column "${extra?.name}"`;
      const reason = 'The file does not have the columns of the first file';
      rejections.addMany(Math.max(1, raw.rows), file.label, reason, detail);
      return;
    }
    this.columns = this.columns.map((column, c) => ({
      ...column,
      strings: column.strings && (ordered[c]?.strings ?? true),
    }));
    this.#starts.push({ label: file.label, at: this.rows });
    this.rows += raw.rows;
    const list = ordered.map((column, c) => `${column?.sql} AS ${name(`c${c}`)}`).join(', ');
    this.#selects.push(`SELECT ${list} FROM ${relation}`);
  }

  async createView(duck: Duck): Promise<void> {
    await duck.run(`CREATE VIEW raw AS ${this.#selects.join(' UNION ALL ')}`);
  }

  /** What a person calls the row at that position. */
  rowLabel(rowId: number): string {
    const start = this.#starts.findLast(({ at }) => at <= rowId);
    return `${start?.label ?? 'row'}, row ${rowId - (start?.at ?? 0) + 1}`;
  }
}
