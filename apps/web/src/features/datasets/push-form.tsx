import { Button, Collapse, Group, List, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { columnType, type IngestOptions, NAME_PATTERN, NAME_RULE } from '@vanda/contracts';
import { useState } from 'react';
import { bytesText, counted } from '../../lib/format.ts';
import { DropZone } from '../../ui/drop-zone.tsx';
import type { DroppedFile } from '../../ui/dropped-files.ts';
import { nameFor, planPush } from './plan-push.ts';
import { startPush } from './pushes.ts';

interface Props {
  /** Set where the data becomes the next version of a dataset that exists. */
  dataset?: string;
  onStarted: (push: { id: string; dataset: string }) => void;
}

/** Drop, look at what would be sent, name it, send it. */
export function PushForm({ dataset, onStarted }: Props) {
  const [files, setFiles] = useState<DroppedFile[]>([]);
  const [name, setName] = useState(dataset ?? '');
  const [types, setTypes] = useState<string[]>([]);
  const [more, setMore] = useState(false);
  const wrongType = types.find((entry) => typeOf(entry) === null);
  const nameError = name === '' || NAME_PATTERN.test(name) ? null : `Here, ${NAME_RULE}.`;
  const take = (dropped: DroppedFile[]) => {
    setFiles(dropped);
    if (dataset === undefined && name === '') setName(nameFor(dropped));
  };
  const start = () => {
    const options: IngestOptions | undefined =
      types.length > 0
        ? { columns: Object.fromEntries(types.flatMap((entry) => typeOf(entry) ?? [])) }
        : undefined;
    onStarted({ id: startPush(name, planPush(files), options), dataset: name });
  };
  if (files.length === 0) {
    return (
      <DropZone
        label="Drop your data here"
        hint="A folder or zip of pictures with one sub-folder for each label, a table (CSV, TSV, JSON, JSON lines, Parquet), or the MNIST kind of IDX files."
        onFiles={take}
      />
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (nameError === null && name !== '' && wrongType === undefined) start();
      }}
    >
      <Stack gap="md">
        <Chosen files={files} clear={() => setFiles([])} />
        <TextInput
          label="Name of the data set"
          description={
            dataset ? 'This becomes its next version.' : 'Lower case letters, digits and "-".'
          }
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={nameError}
          disabled={dataset !== undefined}
          required
        />
        <Collapse expanded={more}>
          <TagsInput
            label="Column types"
            description={`For tables, where the guess is wrong: column=type, with one of ${columnType.options.join(', ')}.`}
            placeholder="zip_code=text"
            value={types}
            onChange={setTypes}
            error={wrongType && `"${wrongType}" is not of the form column=type.`}
          />
        </Collapse>
        <Group>
          <Button type="submit" disabled={nameError !== null || name === ''}>
            Upload
          </Button>
          <Button variant="subtle" color="gray" onClick={() => setMore(!more)} aria-expanded={more}>
            {more ? 'Less' : 'More'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function typeOf(entry: string): [[string, (typeof columnType.options)[number]]] | null {
  const at = entry.lastIndexOf('=');
  const type = columnType.safeParse(entry.slice(at + 1).trim());
  return at > 0 && type.success ? [[entry.slice(0, at).trim(), type.data]] : null;
}

function Chosen({ files, clear }: { files: DroppedFile[]; clear: () => void }) {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  return (
    <Stack gap={4}>
      <Group justify="space-between">
        <Text size="sm" fw={600}>
          {counted(files.length, 'file')}, {bytesText(bytes)}
        </Text>
        <Button size="compact-xs" variant="subtle" color="gray" onClick={clear}>
          Choose others
        </Button>
      </Group>
      <List size="xs" c="dimmed" listStyleType="none">
        {files.slice(0, 4).map((file) => (
          <List.Item key={file.path} style={{ overflowWrap: 'anywhere' }}>
            {file.path}
          </List.Item>
        ))}
        {files.length > 4 && <List.Item>and {files.length - 4} more</List.Item>}
      </List>
    </Stack>
  );
}
