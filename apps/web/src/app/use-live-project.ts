import { projectEvents } from '@vanda/contracts';
import { addressOf } from '../lib/call.ts';
import { type LiveState, useLive } from '../lib/live.ts';
import { queryClient, refreshNoun } from '../lib/queries.ts';

/** Keeps every list and number of the project fresh: each change event refreshes what it may touch. */
export function useLiveProject(): LiveState {
  return useLive(
    addressOf(projectEvents),
    {
      change: (data) => {
        const noun = (data as { noun?: unknown } | null)?.noun;
        if (typeof noun === 'string') refreshNoun(noun);
        else void queryClient.invalidateQueries();
      },
    },
    () => void queryClient.invalidateQueries(),
  );
}
