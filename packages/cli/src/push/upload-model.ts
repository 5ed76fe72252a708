import { ClientError } from '@vanda/client';
import type { Context } from '../context.ts';
import { collect, type Planned } from './collect.ts';
import { RememberedUploads } from './remembered-uploads.ts';
import { sendUploads } from './send-uploads.ts';

/** Sends files or folders and hands their uploads on; what broke in between goes on by part the next time. */
export async function uploadModel<T>(
  context: Context,
  paths: string[] | Planned[],
  hand: (uploads: string[]) => Promise<T>,
): Promise<T> {
  const planned = await planOf(paths);
  const remembered = new RememberedUploads(context.config.stateFolder, context.client.baseUrl);
  const forget = () => remembered.forget(planned.map(({ fingerprint }) => fingerprint));
  const sent = await sendUploads(context, planned, remembered);
  const handOn = async (uploads: string[]) => {
    const taken = await hand(uploads).catch(async (error: unknown) => {
      if (error instanceof ClientError && error.answered) await forget();
      throw error;
    });
    await forget();
    return taken;
  };
  try {
    return await handOn(sent.uploads);
  } catch (error) {
    // An upload that was complete before may have been used up by an import that we saw no end of.
    if (!sent.someWereComplete || context.signal.aborted) throw error;
    return await handOn((await sendUploads(context, planned, remembered)).uploads);
  }
}

function planOf(paths: string[] | Planned[]): Promise<Planned[]> | Planned[] {
  const isPlan = (list: typeof paths): list is Planned[] => typeof list[0] === 'object';
  return isPlan(paths) ? paths : collect(paths);
}
