import { stringify } from 'yaml';
import { CodeBlock } from '../../ui/code-block.tsx';

/** The order of the documentation; a database keeps the fields of JSON in an order of its own. */
const order = [
  'kind',
  'name',
  'task',
  'dataset',
  'target',
  'columns',
  'model',
  'split',
  'training',
];

function rank(key: string): number {
  const at = order.indexOf(key);
  return at === -1 ? order.length : at;
}

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => rank(a) - rank(b));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}

export default function YamlText({ value, what }: { value: unknown; what: string }) {
  return <CodeBlock text={stringify(ordered(value), { collectionStyle: 'any' })} what={what} />;
}
