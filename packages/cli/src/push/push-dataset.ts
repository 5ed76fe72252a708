import { uploadFile, waitForIngest } from '@vanda/client';
import { type Ingest, type IngestOptions, VandaError } from '@vanda/contracts';
import type { Context } from '../context.ts';
import { count, plural, size } from '../output/text.ts';
import { collect, type Planned } from './collect.ts';
import { RememberedUploads } from './remembered-uploads.ts';

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
  const { client, signal } = context;
  const planned = await collect(paths);
  const remembered = new RememberedUploads(context.config.stateFolder, client.baseUrl);
  const uploads = await send(context, planned, remembered);
  const fingerprints = planned.map(({ fingerprint }) => fingerprint);
  const body = { uploads, ...(Object.keys(options).length > 0 ? { options } : {}) };
  const begun = await client.ingests
    .create({ params: { name }, body }, { signal })
    // Used up or refused: either way the uploads are no good for another push.
    .finally(() => remembered.forget(fingerprints));
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

async function send(
  context: Context,
  planned: Planned[],
  remembered: RememberedUploads,
): Promise<string[]> {
  const total = planned.reduce((sum, { source }) => sum + source.size, 0);
  const files = planned.reduce((sum, plan) => sum + plan.files, 0);
  const progress = context.progress('Sending');
  const ids: string[] = [];
  let before = 0;
  try {
    for (const { source, fingerprint } of planned) {
      const upload = await uploadFile(context.client, source, {
        signal: context.signal,
        resume: await remembered.find(fingerprint),
        onUpload: (id) => void remembered.remember(fingerprint, id),
        onProgress: ({ sent }) => {
          const done = before + sent;
          const percent = total === 0 ? 100 : (100 * done) / total;
          progress.show(percent, `${size(done)} of ${size(total)}, ${plural(files, 'file')}`);
        },
      });
      before += source.size;
      ids.push(upload.uploadId);
    }
  } finally {
    progress.end();
  }
  return ids;
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
