import { type ImportOptions, importOptions } from '@vanda/contracts';

/** What a person writes about the pictures that a model takes; all of it may be empty. */
export interface PictureTexts {
  /** One a line, or with commas. */
  labels: string;
  subtract: string;
  divide: string;
}

/** The options of an import, or the sentence that says what is wrong with a field. */
export function readImportOptions(
  texts: PictureTexts,
): { options: ImportOptions } | { field: string; message: string } {
  const labels = texts.labels
    .split(texts.labels.includes('\n') ? '\n' : ',')
    .map((label) => label.trim())
    .filter((label) => label !== '');
  const numbers = (text: string) =>
    text
      .split(/[\s,]+/)
      .flatMap((one) => one || [])
      .map(Number);
  const parsed = importOptions.safeParse({
    ...(labels.length > 0 && { labels }),
    ...(texts.subtract.trim() !== '' && { subtract: numbers(texts.subtract) }),
    ...(texts.divide.trim() !== '' && { divide: numbers(texts.divide) }),
  });
  if (parsed.success) return { options: parsed.data };
  const [issue] = parsed.error.issues;
  return { field: String(issue?.path[0] ?? ''), message: issue?.message ?? '' };
}
