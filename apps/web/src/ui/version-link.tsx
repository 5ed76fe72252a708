import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { parseVersionedName } from '@vanda/contracts';

/** To the page of a model version, by NAME@VERSION. */
export function VersionLink({ reference }: { reference: string }) {
  const { name, version } = parseVersionedName(reference);
  return (
    <Anchor
      size="sm"
      renderRoot={(props) => (
        <Link
          to="/models/$name"
          params={{ name }}
          search={version === null ? {} : { version }}
          {...props}
        />
      )}
    >
      {reference}
    </Anchor>
  );
}
