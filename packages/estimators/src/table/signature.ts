import type { ModelSignature } from '@vanda/contracts';
import type { FeatureRule, TablePreprocessing } from './preprocessing.ts';

type RowInput = Extract<ModelSignature['input'], { kind: 'row' }>;

/** What a row must have, for forms, snippets and the metadata route. */
export function rowInput({ features }: TablePreprocessing): RowInput {
  return { kind: 'row', fields: features.map(fieldOf) };
}

function fieldOf(rule: FeatureRule): RowInput['fields'][number] {
  const { name, missing: optional } = rule;
  switch (rule.kind) {
    case 'number':
      return { name, type: 'number', optional, example: rule.example };
    case 'boolean':
      return { name, type: 'boolean', optional, example: rule.example === 1 };
    case 'date': {
      const moment = new Date(rule.example).toISOString();
      return { name, type: 'date', optional, example: rule.time ? moment : moment.slice(0, 10) };
    }
    case 'category':
      return {
        name,
        type: 'category',
        optional,
        values: rule.values,
        example: rule.values[0] ?? null,
      };
  }
}
