import { getMe, VandaError } from '@vanda/contracts';
import { queryClient, read } from '../../lib/queries.ts';

/** Who is signed in; refused with `unauthenticated` when nobody is. */
export const meQuery = { ...read(getMe, {}), staleTime: 5 * 60_000 };

export async function signIn(email: string, password: string): Promise<void> {
  await post('/api/auth/sign-in/email', { email, password, rememberMe: true });
  queryClient.clear();
}

export async function signOut(): Promise<void> {
  await post('/api/auth/sign-out', {});
  queryClient.clear();
}

/** The sign-in routes are the library's own and stand beside the operations of the contracts. */
async function post(address: string, body: unknown): Promise<void> {
  const response = await fetch(address, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).catch((cause: unknown) => {
    throw new VandaError('unavailable', 'The server cannot be reached.', undefined, { cause });
  });
  if (response.ok) return;
  const answer = (await response.json().catch(() => null)) as {
    message?: string;
    detail?: string;
  } | null;
  throw new VandaError(
    response.status === 429
      ? 'too-many-requests'
      : response.status < 500
        ? 'unauthenticated'
        : 'internal',
    answer?.detail ?? answer?.message ?? `The server answered ${response.status}.`,
  );
}
