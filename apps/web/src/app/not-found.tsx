import { Button, Stack, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';

export function NotFound() {
  return (
    <Stack align="flex-start" p="xl" maw={560}>
      <Title order={1} size="h3">
        There is nothing at this address
      </Title>
      <Text c="dimmed">
        It may have been deleted or renamed. Search with / or begin again from the first page.
      </Text>
      <Button renderRoot={(props) => <Link to="/" {...props} />} variant="light">
        Home
      </Button>
    </Stack>
  );
}
