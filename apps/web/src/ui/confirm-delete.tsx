import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import type { Deleted } from '@vanda/contracts';
import { useState } from 'react';
import { bytesText } from '../lib/format.ts';
import { ProblemNote } from './problem-note.tsx';

interface Props {
  /** What must be typed. */
  name: string;
  /** "data set", "model version", ... */
  what: string;
  /** What is lost with it. */
  consequence: string;
  opened: boolean;
  onClose: () => void;
  remove: () => Promise<Deleted>;
  onDone: () => void;
}

/** Deleting asks for the name and says how many bytes it freed. */
export function ConfirmDelete(props: Props) {
  const [typed, setTyped] = useState('');
  const removal = useMutation({
    mutationFn: props.remove,
    onSuccess: (answer) => {
      notifications.show({
        title: `Deleted ${props.name}`,
        message:
          answer.freedBytes > 0
            ? `${bytesText(answer.freedBytes)} were freed.`
            : 'No bytes were freed: other versions still use them.',
      });
      close();
      props.onDone();
    },
  });
  const close = () => {
    setTyped('');
    removal.reset();
    props.onClose();
  };
  const matches = typed === props.name;
  return (
    <Modal opened={props.opened} onClose={close} title={`Delete the ${props.what} ${props.name}?`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (matches) removal.mutate();
        }}
      >
        <Stack gap="md">
          <Text size="sm">{props.consequence}</Text>
          <TextInput
            label={`Type ${props.name} to confirm`}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            data-autofocus
          />
          {removal.error && <ProblemNote error={removal.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Keep it
            </Button>
            <Button color="red.8" type="submit" disabled={!matches} loading={removal.isPending}>
              Delete
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
