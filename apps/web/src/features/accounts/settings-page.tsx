import { SegmentedControl, Stack, Text, useMantineColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { CopyText } from '../../ui/copy-text.tsx';
import { Facts } from '../../ui/facts.tsx';
import { PageHeader } from '../../ui/page-header.tsx';
import { Section } from '../../ui/section.tsx';
import { KeysSection } from './keys-section.tsx';
import { meQuery } from './session.ts';
import { WorkersSection } from './workers-section.tsx';

export function SettingsPage() {
  const me = useQuery(meQuery);
  return (
    <>
      <PageHeader title="Settings" />
      <Stack gap="md">
        <KeysSection />
        <WorkersSection />
        <Section title="Look">
          <Theme />
        </Section>
        {me.data && (
          <Section title="This installation">
            <Facts
              facts={[
                ['Signed in as', me.data.user?.email ?? '–'],
                ['Project', me.data.project.name],
                ['Version', me.data.version],
                [
                  'Inference server',
                  <CopyText key="url" value={me.data.inferenceUrl} what="inference URL" />,
                ],
              ]}
            />
          </Section>
        )}
      </Stack>
    </>
  );
}

function Theme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Stack gap={4} align="flex-start">
      <Text size="sm" c="dimmed">
        Automatic follows your system.
      </Text>
      <SegmentedControl
        aria-label="Theme"
        value={colorScheme}
        onChange={(value) => setColorScheme(value as 'auto' | 'light' | 'dark')}
        data={[
          { value: 'auto', label: 'Automatic' },
          { value: 'light', label: 'Light' },
          { value: 'dark', label: 'Dark' },
        ]}
      />
    </Stack>
  );
}
