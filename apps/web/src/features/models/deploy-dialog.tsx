import { Button, Group, Modal, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import {
  createEndpoint,
  deployEndpoint,
  getModel,
  NAME_PATTERN,
  NAME_RULE,
} from '@vanda/contracts';
import { useState } from 'react';
import { call } from '../../lib/call.ts';
import { read, refreshNoun } from '../../lib/queries.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';

interface Props {
  model: string;
  version: number;
  opened: boolean;
  onClose: () => void;
}

const fresh = '+';

/** Puts a version behind an endpoint of its model, or behind a new one. */
export function DeployDialog({ model, version, opened, onClose }: Props) {
  const known = useQuery({ ...read(getModel, { params: { name: model } }), enabled: opened });
  const [choice, setChoice] = useState<string | null>(null);
  const [name, setName] = useState(model);
  const navigate = useNavigate();
  const endpoints = known.data?.endpoints ?? [];
  const target = choice ?? endpoints[0] ?? fresh;
  const reference = `${model}@${version}`;
  const deploy = useMutation({
    mutationFn: () =>
      target === fresh
        ? call(createEndpoint, { body: { name, model: reference } })
        : call(deployEndpoint, { params: { name: target }, body: { model: reference } }),
    onSuccess: (endpoint) => {
      refreshNoun('endpoint');
      onClose();
      void navigate({ to: '/endpoints/$name', params: { name: endpoint.name } });
    },
  });
  const nameError = target === fresh && !NAME_PATTERN.test(name) ? `Here, ${NAME_RULE}.` : null;
  return (
    <Modal opened={opened} onClose={onClose} title={`Deploy ${reference}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (nameError === null) deploy.mutate();
        }}
      >
        <Stack gap="md">
          <Radio.Group label="Where" value={target} onChange={setChoice}>
            <Stack gap="xs" mt="xs">
              {endpoints.map((endpoint) => (
                <Radio
                  key={endpoint}
                  value={endpoint}
                  label={endpoint}
                  description="Swapped in behind the same URL; no request is dropped."
                />
              ))}
              <Radio value={fresh} label="A new endpoint" />
            </Stack>
          </Radio.Group>
          {target === fresh && (
            <TextInput
              label="Name of the endpoint"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={nameError}
              required
            />
          )}
          {deploy.isPending && (
            <Text size="sm" c="dimmed" role="status">
              The inference server loads and warms it; this takes a few seconds.
            </Text>
          )}
          {deploy.error && <ProblemNote error={deploy.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Not now
            </Button>
            <Button type="submit" loading={deploy.isPending} disabled={nameError !== null}>
              Deploy
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
