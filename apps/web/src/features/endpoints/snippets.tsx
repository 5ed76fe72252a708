import { Button, Group, Skeleton, Stack, Tabs, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { createKey, type EndpointView, getModelVersion } from '@vanda/contracts';
import { useState } from 'react';
import { call } from '../../lib/call.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { CodeBlock } from '../../ui/code-block.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { type Language, snippet } from './snippet-texts.ts';

const languages: Language[] = ['curl', 'TypeScript', 'Python'];

/** What an app needs to ask this endpoint. */
export function Snippets({ endpoint }: { endpoint: EndpointView }) {
  const [key, setKey] = useState<string | null>(null);
  const facts = useQuery(
    read(getModelVersion, { params: { name: endpoint.model, version: endpoint.version } }),
  );
  const make = useMutation({
    mutationFn: () => call(createKey, { body: { name: `for ${endpoint.name}` } }),
    onSuccess: (made) => {
      setKey(made.key);
      refreshNoun('key');
    },
  });
  if (facts.error) return <ProblemNote error={facts.error} retry={() => void facts.refetch()} />;
  if (!facts.data) return <Skeleton h={160} />;
  const { input } = facts.data.signature;
  return (
    <Stack gap="sm">
      <Tabs defaultValue="curl">
        <Tabs.List>
          {languages.map((language) => (
            <Tabs.Tab key={language} value={language}>
              {language}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {languages.map((language) => (
          <Tabs.Panel key={language} value={language} pt="sm">
            <CodeBlock
              text={snippet(language, endpoint.url, key ?? 'YOUR_API_KEY', input)}
              what={`${language} snippet`}
            />
          </Tabs.Panel>
        ))}
      </Tabs>
      <Group gap="sm">
        {key === null ? (
          <>
            <Button
              size="xs"
              variant="default"
              onClick={() => make.mutate()}
              loading={make.isPending}
            >
              Make a key and fill it in
            </Button>
            <Text size="xs" c="dimmed">
              An app needs a key of its own; it can be revoked in the settings.
            </Text>
          </>
        ) : (
          <Text size="sm" c="var(--vanda-warn)" role="status">
            The new key is in the lines above and is not shown again: copy them now.
          </Text>
        )}
      </Group>
      {make.error && <ProblemNote error={make.error} />}
    </Stack>
  );
}
