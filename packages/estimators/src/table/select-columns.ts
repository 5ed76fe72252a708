import {
  type ColumnProfile,
  type CompletedSpec,
  type TableProfile,
  VandaError,
} from '@vanda/contracts';
import { display } from './learn-preprocessing.ts';

/** Columns that are named in a sentence before the rest is counted. */
const namedMax = 20;

export interface SelectedColumns {
  target: ColumnProfile;
  features: ColumnProfile[];
}

/** The target and the columns to learn from, or a sentence about what does not exist. */
export function selectColumns(spec: CompletedSpec, profile: TableProfile): SelectedColumns {
  const target = profile.columns.find((column) => column.name === spec.target);
  if (target === undefined) {
    throw new VandaError(
      'invalid-spec',
      `/target: there is no column ${display(spec.target ?? '')}; the columns are ${listed(profile)}.`,
      [{ pointer: '/target', message: `Must be one of the columns ${listed(profile)}.` }],
    );
  }
  if (target.name === profile.splitColumn) {
    throw new VandaError(
      'invalid-spec',
      `/target: the column ${display(target.name)} says which split a row belongs to and cannot be predicted.`,
      [{ pointer: '/target', message: 'Must not be the column of the splits.' }],
    );
  }
  const excluded = new Set(spec.columns?.exclude ?? []);
  for (const name of excluded) {
    if (profile.columns.some((column) => column.name === name)) continue;
    throw new VandaError(
      'invalid-spec',
      `/columns/exclude: there is no column ${display(name)}; the columns are ${listed(profile)}.`,
      [{ pointer: '/columns/exclude', message: `There is no column ${display(name)}.` }],
    );
  }
  const features = profile.columns.filter(
    ({ name }) => name !== target.name && name !== profile.splitColumn && !excluded.has(name),
  );
  if (features.length === 0) {
    throw new VandaError(
      'bad-data',
      `There is no column to learn from beside the target ${display(target.name)}.`,
    );
  }
  return { target, features };
}

function listed(profile: TableProfile): string {
  const names = profile.columns.map(({ name }) => display(name));
  if (names.length <= namedMax) return names.join(', ');
  return `${names.slice(0, namedMax).join(', ')} and ${names.length - namedMax} more`;
}
