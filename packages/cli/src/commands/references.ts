import {
  parseOrThrow,
  parseVersionedName,
  resourceName,
  VandaError,
  versionedName,
} from '@vanda/contracts';

export function readName(text: string): string {
  return parseOrThrow(resourceName, text, 'invalid-name');
}

/** NAME or NAME@VERSION. */
export function readReference(text: string): { name: string; version: number | null } {
  return parseVersionedName(parseOrThrow(versionedName, text, 'invalid-name'));
}

export function readExactVersion(text: string): { name: string; version: number } {
  const { name, version } = readReference(text);
  if (version !== null) return { name, version };
  throw new VandaError('invalid-name', `Name the version too: ${name}@VERSION, like ${name}@1.`);
}
