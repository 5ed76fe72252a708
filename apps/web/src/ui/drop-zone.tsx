import { Button, Group, Stack, Text } from '@mantine/core';
import { IconUpload } from '@tabler/icons-react';
import { type DragEvent, useRef, useState } from 'react';
import classes from './drop-zone.module.css';
import { type DroppedFile, filesOfDrop, filesOfInput } from './dropped-files.ts';

interface Props {
  label: string;
  hint: string;
  /** Without the button for folders. */
  filesOnly?: boolean;
  onFiles: (files: DroppedFile[]) => void;
}

/** A place to drop files and folders on, with buttons that do the same from the keyboard. */
export function DropZone({ label, hint, filesOnly, onFiles }: Props) {
  const [over, setOver] = useState(false);
  const filesInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const files = await filesOfDrop(event.dataTransfer);
    if (files.length > 0) onFiles(files);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would bring its own look; the group has a name.
    <div
      role="group"
      aria-label={label}
      className={classes.zone}
      data-over={over || undefined}
      data-testid="drop-zone"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => void drop(event)}
    >
      <Stack align="center" gap={6}>
        <IconUpload size={26} stroke={1.5} aria-hidden color="var(--vanda-accent-text)" />
        <Text fw={600}>{label}</Text>
        <Text size="sm" c="dimmed" maw={520}>
          {hint}
        </Text>
        <Group gap="xs" mt={6} justify="center">
          <Button variant="default" size="xs" onClick={() => filesInput.current?.click()}>
            Choose files
          </Button>
          {!filesOnly && (
            <Button variant="default" size="xs" onClick={() => folderInput.current?.click()}>
              Choose a folder
            </Button>
          )}
        </Group>
      </Stack>
      <input
        ref={filesInput}
        type="file"
        multiple
        hidden
        aria-label="Files"
        onChange={(event) => {
          const files = filesOfInput(event.currentTarget.files);
          event.currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
      <input
        ref={folderInput}
        type="file"
        hidden
        aria-label="Folder"
        {...{ webkitdirectory: '' }}
        onChange={(event) => {
          const files = filesOfInput(event.currentTarget.files);
          event.currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
    </div>
  );
}
