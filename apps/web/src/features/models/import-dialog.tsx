import {
  Button,
  Collapse,
  Group,
  Modal,
  Progress,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { createImport, NAME_PATTERN, NAME_RULE } from '@vanda/contracts';
import { useState } from 'react';
import { call } from '../../lib/call.ts';
import { bytesText, counted } from '../../lib/format.ts';
import { refreshNoun } from '../../lib/queries.ts';
import { DropZone } from '../../ui/drop-zone.tsx';
import type { DroppedFile } from '../../ui/dropped-files.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { nameFor } from '../datasets/plan-push.ts';
import { type PictureTexts, readImportOptions } from './import-options.ts';
import { uploadModel } from './upload-model.ts';

const nothing: PictureTexts = { labels: '', subtract: '', divide: '' };

/** Brings a model of another tool: its files, a name, and what its pictures are where it takes such. */
export function ImportDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Import a model" size="lg">
      {opened && <ImportForm onDone={onClose} />}
    </Modal>
  );
}

function ImportForm({ onDone }: { onDone: () => void }) {
  const [files, setFiles] = useState<DroppedFile[]>([]);
  const [name, setName] = useState('');
  const [texts, setTexts] = useState(nothing);
  const [pictures, setPictures] = useState(false);
  const [sent, setSent] = useState(0);
  const read = readImportOptions(pictures ? texts : nothing);
  const nameError = name === '' || NAME_PATTERN.test(name) ? null : `Here, ${NAME_RULE}.`;
  const bring = useMutation({
    mutationFn: async () => {
      const options = 'options' in read ? read.options : {};
      const uploads = await uploadModel(files, setSent);
      return call(createImport, { params: { name }, body: { uploads, options } });
    },
    onSuccess: () => {
      refreshNoun('import');
      onDone();
    },
  });
  const take = (dropped: DroppedFile[]) => {
    setFiles(dropped);
    if (name === '') setName(nameFor(dropped).replace(/-(onnx|keras|h5|hdf5|vanda|tgz)$/, ''));
  };
  if (files.length === 0) {
    return (
      <DropZone
        label="Drop a model here"
        hint="An ONNX file (with its external data), a Keras file (.keras, .h5), a folder of TensorFlow.js with model.json and its weights, or a .vanda archive."
        onFiles={take}
      />
    );
  }
  const field = (of: keyof PictureTexts) => ({
    value: texts[of],
    onChange: (event: { currentTarget: { value: string } }) =>
      setTexts({ ...texts, [of]: event.currentTarget.value }),
    error: 'field' in read && read.field === of ? read.message : undefined,
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (name !== '' && nameError === null && 'options' in read) bring.mutate();
      }}
    >
      <Stack gap="md">
        <Group justify="space-between">
          <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
            {files.length === 1 ? files[0]?.path : counted(files.length, 'file')},{' '}
            {bytesText(files.reduce((sum, { file }) => sum + file.size, 0))}
          </Text>
          <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setFiles([])}>
            Choose others
          </Button>
        </Group>
        <TextInput
          label="Name of the model"
          description="A model of that name gets its next version."
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={nameError}
          required
        />
        <Collapse expanded={pictures}>
          <Stack gap="md">
            <Textarea
              label="Labels"
              description="In the order of its output, one a line or with commas."
              placeholder="cat, dog"
              autosize
              minRows={2}
              maxRows={8}
              {...field('labels')}
            />
            <SimpleGrid cols={2}>
              <TextInput
                label="Subtract"
                description="From each pixel of 0 to 255"
                placeholder="127.5"
                {...field('subtract')}
              />
              <TextInput
                label="Divide"
                description="And then by this"
                placeholder="255"
                {...field('divide')}
              />
            </SimpleGrid>
          </Stack>
        </Collapse>
        {bring.isPending && <Progress value={100 * sent} aria-label="Sent" />}
        {bring.error && <ProblemNote error={bring.error} />}
        <Group>
          <Button
            type="submit"
            loading={bring.isPending}
            disabled={name === '' || nameError !== null}
          >
            Import
          </Button>
          <Button
            variant="subtle"
            color="gray"
            onClick={() => setPictures(!pictures)}
            aria-expanded={pictures}
          >
            {pictures ? 'It takes no pictures' : 'It takes pictures'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
