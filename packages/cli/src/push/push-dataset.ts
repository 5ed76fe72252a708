import { ClientError, waitForIngest } from '@vanda/client';
import { type Ingest, type IngestOptions, VandaError } from '@vanda/contracts';
import type { Context } from '../context.ts';
import { count } from '../output/text.ts';
import { collect } from './collect.ts';
import { RememberedUploads } from './remembered-uploads.ts';
import { sendUploads } from './send-uploads.ts';

/** What `datasets push` prints. */
export interface Pushed {
  name: string;
  version: number;
  kind: string;
  accepted: number;
  rejected: number;
  reused: boolean;
}

/** Sends the paths, has them turned into a version, and waits for that. */
export async function pushDataset(
  context: Context,
  name: string,
  paths: string[],
  options: IngestOptions,
): Promise<{ pushed: Pushed; ingest: Ingest }> {
  const planned = await collect(paths);
  const remembered = new RememberedUploads(context.config.stateFolder, context.client.baseUrl);
  const forget = () => remembered.forget(planned.map(({ fingerprint }) => fingerprint));
  const sent = await sendUploads(context, planned, remembered);
  try {
    return await ingestUploads(context, name, sent.uploads, options, forget);
  } catch (error) {
    // An upload that was complete before this push began may have been used up by a push that we saw no end of.
    const usedUp = sent.someWereComplete && error instanceof VandaError;
    if (!usedUp || context.signal.aborted) throw error;
    const { uploads } = await sendUploads(context, planned, remembered);
    return await ingestUploads(context, name, uploads, options, forget);
  }
}

async function ingestUploads(
  context: Context,
  name: string,
  uploads: string[],
  options: IngestOptions,
  forget: () => Promise<void>,
): Promise<{ pushed: Pushed; ingest: Ingest }> {
  const { client, signal } = context;
  const body = { uploads, ...(Object.keys(options).length > 0 ? { options } : {}) };
  const begun = await client.ingests
    .create({ params: { name }, body }, { signal })
    .catch(async (error: unknown) => {
      // Refused uploads are no good for another push; where no answer came they may be.
      if (error instanceof ClientError && error.answered) await forget();
      throw error;
    });
  await forget();
  const ingest = await follow(context, begun);
  if (ingest.state === 'failed' || ingest.version === null) {
    const failure = ingest.failure ?? { code: 'internal' as const, message: 'The push failed.' };
    throw new VandaError(failure.code, failure.message);
  }
  const { kind } = await client.datasets.get({ params: { name } }, { signal });
  return {
    ingest,
    pushed: {
      name,
      version: ingest.version,
      kind: kind ?? '',
      accepted: ingest.receipt?.accepted ?? 0,
      rejected: ingest.receipt?.rejected ?? 0,
      reused: ingest.reused,
    },
  };
}

async function follow(context: Context, begun: Ingest): Promise<Ingest> {
  const progress = context.progress('Reading');
  try {
    return await waitForIngest(context.client, begun.id, {
      signal: context.signal,
      onProgress: ({ state, progress: at }) =>
        progress.show(at?.percent ?? 0, state === 'queued' ? 'waiting for a worker' : at?.note),
    });
  } finally {
    progress.end();
  }
}

export function describePush({ pushed, ingest }: { pushed: Pushed; ingest: Ingest }): string {
  const things = pushed.kind === 'images' ? 'pictures' : 'rows';
  const { accepted, rejected } = pushed;
  const lines = [
    pushed.reused
      ? `${pushed.name}@${pushed.version} holds this content already: ${count(accepted)} ${things}.`
      : `${pushed.name}@${pushed.version}: ${count(accepted)} ${things} accepted, ${count(rejected)} rejected.`,
  ];
  for (const { reason, count: times, examples } of ingest.receipt?.reasons ?? []) {
    const example = examples[0] === undefined ? '' : ` (such as ${examples[0]})`;
    lines.push(`  ${count(times)} x ${reason}${example}`);
  }
  for (const warning of ingest.receipt?.warnings ?? []) lines.push(`  ${warning}`);
  return lines.join('\n');
}
