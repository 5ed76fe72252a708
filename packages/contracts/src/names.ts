import { z } from 'zod';

export const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const NAME_RULE =
  'a name is 1 to 63 characters of a-z, 0-9 and "-", and starts with a letter or a digit (^[a-z0-9][a-z0-9-]{0,62}$)';

/** The name of a dataset, a model or an endpoint: one rule everywhere. */
export const resourceName = z
  .string()
  .regex(NAME_PATTERN, { error: `Not a valid name: ${NAME_RULE}.` })
  .meta({ id: 'ResourceName', description: NAME_RULE });

/** `NAME` (the latest version) or `NAME@VERSION`. */
export const versionedName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}(@[1-9][0-9]{0,8})?$/, {
    error: `Not a valid reference: write NAME or NAME@VERSION, where ${NAME_RULE}.`,
  })
  .meta({ id: 'VersionedName', description: 'NAME (latest) or NAME@VERSION' });

/** Splits `NAME@VERSION`; version is null where the latest is meant. The text must match `versionedName`. */
export function parseVersionedName(text: string): { name: string; version: number | null } {
  const [name = '', version] = text.split('@');
  return { name, version: version === undefined ? null : Number(version) };
}

export const versionNumber = z.coerce.number().int().min(1).max(999_999_999);
