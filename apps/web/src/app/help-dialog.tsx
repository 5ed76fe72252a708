import { Group, Kbd, Modal, Stack, Text } from '@mantine/core';
import { shortcuts } from './use-shortcuts.ts';

const others = [
  { keys: ['/'], label: 'Search' },
  { keys: ['?'], label: 'This help' },
];

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts">
      <Stack gap="xs">
        {[...shortcuts, ...others].map((shortcut) => (
          <Group key={shortcut.label} justify="space-between">
            <Text size="sm">{shortcut.label}</Text>
            <Group gap={4}>
              {shortcut.keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </Group>
          </Group>
        ))}
        <Text size="sm" c="dimmed" mt="sm">
          The REST API is described at <a href="/api/docs">/api/docs</a>.
        </Text>
      </Stack>
    </Modal>
  );
}
