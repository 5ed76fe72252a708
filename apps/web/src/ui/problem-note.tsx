import { Alert, Button, List, Stack, Text } from '@mantine/core';
import { type ErrorCode, errorCodes, VandaError } from '@vanda/contracts';

const whatToDo: Partial<Record<ErrorCode, string>> = {
  unavailable: 'Nothing is lost. Try again in a moment.',
  internal: 'Nothing that was saved is lost. Try again; if it stays, look at the server log.',
  timeout: 'It may still be going on. Try again in a moment.',
  unauthenticated: 'Sign in again; you come back to this page.',
  'not-found': 'It may have been deleted or renamed. Go back to the list.',
  'too-many-requests': 'Wait a few seconds, then try again.',
  'in-use': 'Free it first, then try again.',
};

/** An error as sentences: what happened, and what to do. */
export function ProblemNote({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof VandaError ? error : undefined;
  const title = known ? errorCodes[known.code].title : 'Something went wrong on this page';
  const text = known?.message ?? (error instanceof Error ? error.message : String(error));
  const advice = known ? whatToDo[known.code] : 'Reload the page; your work on the server goes on.';
  const fields = known?.errors?.filter((field) => !text.includes(field.message)) ?? [];
  return (
    <Alert color="red" variant="light" title={title} role="alert" my="sm">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{text}</Text>
        {fields.length > 0 && (
          <List size="sm">
            {fields.map((field) => (
              <List.Item key={field.pointer + field.message}>
                <code>{field.pointer}</code> {field.message}
              </List.Item>
            ))}
          </List>
        )}
        {advice && (
          <Text size="sm" c="dimmed">
            {advice}
          </Text>
        )}
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
