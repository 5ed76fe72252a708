import {
  Box,
  Button,
  Center,
  Code,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { signIn } from './session.ts';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const { next } = route.useSearch();
  const router = useRouter();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  useEffect(() => {
    document.title = 'Sign in · Vanda';
  }, []);
  const attempt = useMutation({
    mutationFn: () => signIn(email, password),
    // Only a path of this site is followed: an address in the query must not lead elsewhere.
    onSuccess: () => router.history.push(next && /^\/(?![/\\])/.test(next) ? next : '/'),
  });
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder p="xl" w="100%" maw={400}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            attempt.mutate();
          }}
        >
          <Stack gap="md">
            <Box>
              <img src="/favicon.svg" alt="" width={36} height={36} />
              <Title order={1} size="h3" mt="xs">
                Sign in to Vanda
              </Title>
            </Box>
            <TextInput
              label="Email"
              type="email"
              autoComplete="username"
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
              required
              autoFocus
            />
            <PasswordInput
              label="Password"
              autoComplete="current-password"
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
              required
            />
            {attempt.error && <ProblemNote error={attempt.error} />}
            <Button type="submit" loading={attempt.isPending}>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              The first password is on the screen of <Code>npm start</Code>. A lost one is made anew
              on the machine by <Code>npm run reset-password</Code>.
            </Text>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
