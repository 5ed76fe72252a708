const TEXT_MAX = 2001;
const ITEMS_MAX = 8;
const DEPTH_MAX = 3;

/**
 * A value of a pickle as text, for names and for sentences that refuse it. Lists within lists are as deep as a file
 * likes and show the same list again and again, so that only the first few levels of short ones are written out.
 */
export function valueText(value: unknown, depth = 0): string {
  if (typeof value !== 'object' || value === null) return String(value).slice(0, TEXT_MAX);
  if (!Array.isArray(value)) return '{...}';
  if (depth === DEPTH_MAX || value.length > ITEMS_MAX) return '(...)';
  return value.map((item) => valueText(item, depth + 1)).join();
}
